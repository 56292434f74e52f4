namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    /// <summary>A directory whose name only begins like a whiteout, and what lies in it, is as any other .</summary>
    [Test]
    public async Task DirectoriesNamedLikeWhiteouts() => Assert.That(
        await NamesAsync(new TarBuilder().File("x"), new TarBuilder().Directory(".wh.x").File(".wh.x/f").File("d/.wh.e/g")),
        Is.EqualTo((string[])[".wh.x/", ".wh.x/f=", "d/", "d/.wh.e/", "d/.wh.e/g=", "x="]));

    /// <summary>Whatever type of entry has a whiteout's name is a whiteout, and never comes to be itself .</summary>
    /// <param name="type">The entry's type.</param>
    [TestCase('0')]
    [TestCase('1')]
    [TestCase('2')]
    [TestCase('3')]
    [TestCase('6')]
    public async Task WhiteoutsOfAnyType(char type) => Assert.That(
        await NamesAsync(new TarBuilder().File("keep").File("gone"), new TarBuilder().Entry(type, ".wh.gone"u8, "keep"u8, default)), Is.EqualTo((string[])["keep="]));

    /// <summary>A whiteout leaves alone what its own layer has put, in directories that no entry describes too, and removes the rest of them .</summary>
    /// <param name="opaque">Whether an opaque marker does it rather than a whiteout.</param>
    /// <param name="whiteoutFirst">Which comes first in the archive.</param>
    [Test]
    public async Task WhiteoutsAroundFilesOfTheirOwnLayer([Values] bool opaque, [Values] bool whiteoutFirst)
    {
        TarBuilder low = new TarBuilder().Directory("d").File("d/a/b/low").File("d/a/low").File("d/low").File("beside");
        TarBuilder up = new();
        void Remove() => _ = opaque ? up.Directory("d").Opaque("d") : up.Whiteout("d");
        if (whiteoutFirst)
            Remove();
        up.File("d/a/b/up", "x").SymbolicLink("d/a/link", "b");
        if (!whiteoutFirst)
            Remove();
        Assert.That(await NamesAsync(low, up), Is.EqualTo((string[])["beside=", "d/", "d/a/", "d/a/b/", "d/a/b/up=x", "d/a/link->b"]));
    }

    /// <summary>A whiteout's directory is found through links like any other, and what it removes is the link, not its target .</summary>
    [Test]
    public async Task WhiteoutsAndLinks() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("d").File("d/gone").File("d/kept").SymbolicLink("way", "/d").SymbolicLink("link", "d").SymbolicLink("out", Outside).Directory("e").File("e/x").SymbolicLink("to-e", "e"),
            new TarBuilder().Whiteout("way/gone").Whiteout("link").Whiteout("out").Opaque("to-e")),
        Is.EqualTo((string[])["d/", "d/kept=", "e/", "to-e->e", "way->/d"]));

    /// <summary>Whiteouts come twice, name nothing, or name what a whiteout of a lower layer removed already .</summary>
    [Test]
    public async Task WhiteoutsOfNothing() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("d").File("d/f").File("f"),
            new TarBuilder().Whiteout("f").Whiteout("f").Whiteout("d/f"),
            new TarBuilder().Whiteout("f").Whiteout("never").Whiteout("d/f").Opaque("d").Opaque("d").Whiteout(new string('n', 255))),
        Is.EqualTo((string[])["d/"]));

    /// <summary>
    /// Whiteouts where nothing lies beneath leave nothing behind, also where that comes out only later: a directory of the layer itself, or one that it makes
    /// opaque. overlayfs would list them as files that are not there.
    /// </summary>
    [Test]
    public async Task WhiteoutsInDirectoriesThatMergeWithNothing() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("opaque/in").File("opaque/f").File("opaque/in/f").Directory("both").File("both/gone").Directory("replaced").File("replaced/f"),
            new TarBuilder()
                .Directory("new").Whiteout("new/nothing").File("new/f").Whiteout("implied/nothing").Whiteout("both/gone").Whiteout("both/nothing")
                .Directory("opaque").Whiteout("opaque/f").File("opaque/in/up").Whiteout("opaque/in/f").Opaque("opaque").Whiteout("opaque/again")
                .Whiteout("replaced").Directory("replaced").Whiteout("replaced/f")),
        Is.EqualTo((string[])["both/", "implied/", "new/", "new/f=", "opaque/", "opaque/in/", "opaque/in/up=", "replaced/"]));

    /// <summary>A directory of which the layer has nothing but a marker goes with whatever hides it afterwards .</summary>
    /// <param name="opaque">Whether the directory around it is opaque, rather than it removed.</param>
    /// <param name="inIt">What the layer deletes in it before that.</param>
    [Test]
    public async Task DirectoriesThatWereEmptiedGo([Values] bool opaque, [Values(null, "f", "never")] string? inIt)
    {
        TarBuilder up = new TarBuilder().Opaque("d/e");
        if (inIt is not null)
            up.Whiteout($"d/e/{inIt}");
        Assert.That(
            await NamesAsync(new TarBuilder().Directory("d").Directory("d/e").File("d/e/f").Directory("d/e/g"), opaque ? up.Opaque("d") : up.Whiteout("d/e")),
            Is.EqualTo((string[])["d/"]));
    }

    /// <summary>What a hard link leads to is what lies beneath, wherever that is kept: an opaque directory does not show it .</summary>
    [Test]
    public async Task OpaqueDirectoriesHideTheTargetsOfHardLinks() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("d").File("d/f", "f").File("d/g", "g"),
            new TarBuilder().HardLink("a", "d/f").Directory("d").Opaque("d").File("d/new", "n")),
        Is.EqualTo((string[])["a=f", "d/", "d/new=n"]));

    /// <summary>A whiteout in a directory that has nothing beneath it stops no entry of the same layer .</summary>
    /// <param name="opaque">Whether there is nothing because the directory hides it.</param>
    [Test]
    public async Task WhiteoutsThatGiveWayToDirectories([Values] bool opaque)
    {
        TarBuilder up = new TarBuilder().Directory("x");
        if (opaque)
            up.Opaque("x");
        Assert.That(
            await NamesAsync(opaque ? new TarBuilder().File("x/old").File("x/b") : new TarBuilder().File("other"), up.Whiteout("x/b").File("x/b/file", "1")),
            Is.EqualTo(opaque ? (string[])["x/", "x/b/", "x/b/file=1"] : ["other=", "x/", "x/b/", "x/b/file=1"]));
    }

    /// <summary>A character device 0:0 is to every overlay a whiteout of its own name, and so it is to every tree .</summary>
    [Test]
    public async Task CharacterDeviceZeroIsAWhiteout() => Assert.That(
        await NamesAsync(new TarBuilder().File("f").File("g"), new TarBuilder().CharacterDevice("f", 0, 0).CharacterDevice("new", 0, 0)), Is.EqualTo((string[])["g="]));

    /// <summary>The root is the root by whichever path a marker says that it is opaque .</summary>
    [Test]
    public async Task TheRootIsOpaqueThroughALinkToo() => Assert.That(
        await NamesAsync(new TarBuilder().File("low").Directory("d").File("d/low").SymbolicLink("link", "."), new TarBuilder().File("up").Opaque("link")),
        Is.EqualTo((string[])["up="]));

    /// <summary>However often the same is hidden that an archive of a few bytes has whole directories of, it costs no more than once.</summary>
    /// <param name="marker">The directory that is opaque; or a whiteout of the one that holds all.</param>
    [Test]
    public async Task MarkersOfOneDirectoryCostLittle([Values("d/e", "d", "", "whiteout")] string marker)
    {
        const int Files = 4000, Markers = 5 * Files;
        var layer = new TarBuilder();
        for (int i = 0; i < Files; i++)
            layer.File(marker == "whiteout" ? $"d/e/{i}/f" : $"d/e/{i}");
        for (int i = 0; i < Markers; i++)
            layer = marker == "whiteout" ? layer.Whiteout("d") : layer.Opaque(marker);
        byte[] archive = layer.ToArray();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30)); // for what takes minutes if each marker looks at each file
        await ApplyLayerAsync(new MemoryStream(archive), archive.Length, cancellationToken: patience.Token);
        Assert.That(ReadTree(), Has.Count.EqualTo(marker == "whiteout" ? (2 * Files) + 2 : Files + 2));
    }
}
