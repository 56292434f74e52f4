namespace Containerd.Tests;

public sealed class LabelTests
{
    private static readonly Dictionary<string, string> Before = new() { ["keep"] = "1", ["drop"] = "2" };

    [Test]
    public void Merging_touches_only_its_own_keys()
    {
        var update = LabelUpdate.Merge(new Dictionary<string, string?> { ["drop"] = null, ["new"] = "3", ["absent"] = null });
        Assert.That(update.ApplyTo(Before), Is.EquivalentTo(new Dictionary<string, string> { ["keep"] = "1", ["new"] = "3" }));
        Assert.That(Before, Has.Count.EqualTo(2));
    }

    [Test]
    public void Replacing_drops_all_there_were() =>
        Assert.That(
            LabelUpdate.Replace(new Dictionary<string, string> { ["only"] = "1" }).ApplyTo(Before),
            Is.EquivalentTo(new Dictionary<string, string> { ["only"] = "1" }));

    [Test]
    public void A_single_label_is_set_or_removed()
    {
        Assert.That(LabelUpdate.Set("keep", "9").ApplyTo(Before)["keep"], Is.EqualTo("9"));
        Assert.That(LabelUpdate.Remove("keep").ApplyTo(Before), Does.Not.ContainKey("keep"));
    }

    [TestCase(4096, true)]
    [TestCase(4097, false)]
    public void Key_and_value_together_are_bounded(int bytes, bool allowed)
    {
        var labels = new Dictionary<string, string> { ["ké"] = new('v', bytes - 3) };
        if (allowed)
            Assert.That(() => Labels.Validate(labels), Throws.Nothing);
        else
            Assert.That(() => Labels.Validate(labels), Throws.TypeOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void An_empty_key_is_refused() =>
        Assert.That(() => LabelUpdate.Set("", "v").ApplyTo(Before), Throws.TypeOf<ContainerdException>());
}
