namespace Containerd.Tests;

public sealed class MountTests
{
    [TestCase("bind", "rbind,ro", true)]
    [TestCase("bind", "rbind,rw", false)]
    [TestCase("bind", "ro,rw", false)]
    [TestCase("erofs", "", true)]
    [TestCase("overlay", "lowerdir=/a:/b", true)]
    [TestCase("overlay", "workdir=/w,upperdir=/u,lowerdir=/a", false)]
    [TestCase("overlay", "workdir=/w,upperdir=/u,lowerdir=/a,ro", true)]
    [TestCase("format/overlay", "lowerdir=/a", true)]
    [TestCase("tmpfs", "size=1m", false)]
    public void Tells_whether_it_is_read_only(string type, string options, bool expected)
    {
        Assert.That(Make(type, options.Split(',')).IsReadOnly, Is.EqualTo(expected), "one option an element");
        Assert.That(Make(type, options).IsReadOnly, Is.EqualTo(expected), "all in one element");
    }

    [Test]
    public void Equality_is_structural()
    {
        Mount mount = Make("bind", "rbind", "ro"), same = Make("bind", "rbind", "ro");
        Assert.That(mount, Is.EqualTo(same));
        Assert.That(mount.GetHashCode(), Is.EqualTo(same.GetHashCode()));
        Assert.That(mount, Is.Not.EqualTo(Make("bind", "ro", "rbind")));
        Assert.That(new Mount { Type = "t", Source = "s", Options = default }, Is.EqualTo(new Mount { Type = "t", Source = "s" }));
    }

    [Test]
    public void Commas_that_are_escaped_or_quoted_do_not_split() =>
        Assert.That(
            Make("overlay", @"lowerdir=/a\,b:/c", "context=\"u:r:t:s0:c1,c2\",ro").SplitOptions(),
            Is.EqualTo(new[] { @"lowerdir=/a\,b:/c", "context=\"u:r:t:s0:c1,c2\"", "ro" }));

    [Test]
    public void An_overlay_comes_apart_and_together_again()
    {
        var overlay = new OverlayMount
        {
            LowerDirectories = [@"/odd:name", "/one\"quote", @"/with,comma", @"/back\slash", "/plain"],
            UpperDirectory = "/up:per",
            WorkDirectory = "/wo,rk",
            Options = ["index=off", "userxattr"],
        };
        Mount mount = overlay.ToMount();
        Assert.That(mount.Options[^2..], Is.EqualTo(new[] { "index=off", "userxattr" }));
        Assert.That(OverlayMount.TryParse(mount, out OverlayMount? again));
        Assert.That(again, Is.EqualTo(overlay));
        Assert.That(again!.LowerDirectories, Is.EqualTo(overlay.LowerDirectories));
        Assert.That(again.UpperDirectory, Is.EqualTo("/up:per"));
        Assert.That(again.WorkDirectory, Is.EqualTo("/wo,rk"));
    }

    [TestCase("bind", "lowerdir=/a")]
    [TestCase("overlay", "ro")]
    [TestCase("overlay", "lowerdir=")]
    [TestCase("overlay", "lowerdir=/a::/b")]
    [TestCase("overlay", "lowerdir=/a,upperdir=/u")]
    [TestCase("overlay", "lowerdir=/a,workdir=/w")]
    public void What_is_no_whole_overlay_is_refused(string type, string options) =>
        Assert.That(OverlayMount.TryParse(Make(type, options), out _), Is.False);

    private static Mount Make(string type, params string[] options) => new() { Type = type, Source = "src", Options = [.. options] };
}
