namespace Containerd.Tests;

public sealed class PlatformTests
{
    [TestCase("linux/x86_64", "linux/amd64")]
    [TestCase("Linux/AMD64", "linux/amd64")]
    [TestCase("linux/amd64/v1", "linux/amd64")]
    [TestCase("linux/amd64/v3", "linux/amd64/v3")]
    [TestCase("linux/aarch64", "linux/arm64")]
    [TestCase("linux/arm64/v8", "linux/arm64")]
    [TestCase("linux/armhf", "linux/arm/v7")]
    [TestCase("linux/armel", "linux/arm/v6")]
    [TestCase("linux/arm", "linux/arm/v7")]
    [TestCase("linux/arm/6", "linux/arm/v6")]
    [TestCase("macos/aarch64", "darwin/arm64")]
    [TestCase("linux/i686", "linux/386")]
    public void Names_are_normalised(string text, string normal) =>
        Assert.That(Platform.Parse(text).ToString(), Is.EqualTo(normal));

    [TestCase("")]
    [TestCase("linux")]
    [TestCase("linux/")]
    [TestCase("/amd64")]
    [TestCase("linux/amd64/v1/x")]
    [TestCase("linux/a b")]
    public void Refuses_what_is_no_platform(string text)
    {
        Assert.That(Platform.TryParse(text, out _), Is.False);
        Assert.That(() => Platform.Parse(text), Throws.TypeOf<FormatException>());
    }

    [TestCase("linux/amd64", "linux/amd64", 0)]
    [TestCase("linux/amd64", "linux/386", 100)]
    [TestCase("linux/amd64", "linux/amd64/v2", null)]
    [TestCase("linux/amd64/v3", "linux/amd64/v2", 10)]
    [TestCase("linux/amd64/v3", "linux/amd64", 20)]
    [TestCase("linux/arm64", "linux/arm64", 0)]
    [TestCase("linux/arm64", "linux/arm/v8", 100)]
    [TestCase("linux/arm64", "linux/arm/v7", 110)]
    [TestCase("linux/arm/v7", "linux/arm/v6", 10)]
    [TestCase("linux/arm/v6", "linux/arm/v7", null)]
    [TestCase("linux/arm/v7", "linux/arm64", null)]
    [TestCase("linux/amd64", "windows/amd64", null)]
    [TestCase("linux/riscv64", "linux/riscv64", 0)]
    [TestCase("linux/riscv64", "linux/riscv64/rva23", null)]
    public void Tells_how_well_an_image_fits(string host, string image, int? fit) =>
        Assert.That(Platform.Parse(host).FitOf(Platform.Parse(image)), Is.EqualTo(fit));

    [Test]
    public void This_process_has_a_platform_that_fits_itself() =>
        Assert.That(Platform.Current.FitOf(Platform.Current), Is.Zero);
}
