namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    /// <summary>A hard link's target is a path inside the tree, through links and with <c>..</c> as far as the root; its own name is not followed .</summary>
    [Test]
    public async Task TargetsOfHardLinks()
    {
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(new TarBuilder()
            .Directory("d").File("d/f", "x").SymbolicLink("to-d", "/d").SymbolicLink("to-f", "d/f").Fifo("fifo").CharacterDevice("null", 1, 3)
            .HardLink("1", "to-d/f").HardLink("2", "../../d//./f").HardLink("3", "/d/f").HardLink("4", "to-f").HardLink("5", "fifo").HardLink("6", "null").HardLink("to-d/7", "1")
            .ToArray());
        Assert.That(
            tree.Select(file => file.ToString()),
            Is.EqualTo((string[])["1=x", "2=x", "3=x", "4->d/f", "p:5", "c:6", "d/", "d/7=x", "d/f=x", "p:fifo", "c:null", "to-d->/d", "to-f->d/f"]));
        Assert.That(tree.Single(file => file.Path == "d/f").Links, Is.EqualTo(5));
        Assert.That(tree.Single(file => file.Path == "fifo").Links, Is.EqualTo(2));
        Assert.That(tree.Single(file => file.Path == "to-f").Links, Is.EqualTo(2));
        Assert.That(result.DependsOnBase, Is.True, "it went through a link");
    }

    /// <summary>A hard link takes the place of what has its name, also of itself, and leaves the target alone .</summary>
    [Test]
    public async Task HardLinksReplace() => Assert.That(
        await NamesAsync(new TarBuilder()
            .File("f", "x").HardLink("f", "f").File("g", "y").HardLink("g", "f").Directory("d").File("d/in").HardLink("d", "f").SymbolicLink("l", "f").HardLink("l", "f")
            .File("f", "new")),
        Is.EqualTo((string[])["d=x", "f=new", "g=x", "l=x"]));

    /// <summary>The target of a hard link is not there: it lies outside, was removed, or went with what the link replaces .</summary>
    /// <param name="target">The target.</param>
    [TestCase("../../outside/secret")]
    [TestCase("removed")]
    [TestCase("hidden/f")]
    [TestCase("h/in")]
    [TestCase("h/below")]
    [TestCase(".wh.removed")]
    public Task HardLinksToWhatIsNotThere(string target) => RefusesAsync(
        ErrorKind.InvalidArgument,
        new TarBuilder().File("removed").Directory("hidden").File("hidden/f").Directory("h").File("h/below"),
        new TarBuilder().Whiteout("removed").Directory("hidden").Opaque("hidden").Directory("h").File("h/in").HardLink("h", target));

    /// <summary>
    /// A hard link to what only a lower layer has makes it part of this one, whatever it is: with owner, mode, times, attributes and content, and one file
    /// under all its names.
    /// </summary>
    [Test]
    public async Task HardLinksIntoLowerLayersBringTheFileUp()
    {
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // cap_net_bind_service+p
        TarEntryOptions options = new() { Mode = 0x9E8, Uid = 5, Gid = 6, ModifyTime = 1_200_000_000 };
        TarEntryOptions attributes = options with { Pax = [("SCHILY.xattr.user.a", "1"u8.ToArray()), ("SCHILY.xattr.security.capability", capability)] };
        byte[] acl = Acl((0x01, 7, -1), (0x02, 4, 4242), (0x04, 5, -1), (0x10, 5, -1), (0x20, 0, -1));
        byte[] low = new TarBuilder()
            .Directory("d", options).File("d/f", new string('x', 700_000), attributes).SymbolicLink("d/l", "gone", options).Fifo("d/p", options with { Pax = [("SCHILY.xattr.system.posix_acl_access", acl)] })
            .Entry('3', "d/c"u8, default, default, options with { Device = (1, 5) })
            .SymbolicLink("way", "d").ToArray();
        await ApplyAsync(low);
        string[] before = [.. ((string[])["d", "d/f", "d/l", "d/p", "d/c"]).Select(Comparable)];
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(new TarBuilder()
            .HardLink("f1", "d/f", options).HardLink("f2", "way/f", options).HardLink("f3", "f1", options)
            .HardLink("l1", "d/l", options).HardLink("p1", "d/p", options).Entry('1', "c1"u8, "d/c"u8, default, options)
            .ToArray());
        Assert.That(((string[])["d", "d/f", "d/l", "d/p", "d/c"]).Select(Comparable), Is.EqualTo(before));
        ILookup<string, ulong> inodes = tree.ToLookup(file => file.Path, file => file.Inode);
        Assert.That(((string[])["f1", "f2", "f3"]).Select(name => inodes[name].Single()), Has.All.EqualTo(inodes["d/f"].Single()));
        foreach (string name in (string[])["l", "p", "c"])
            Assert.That(inodes[$"{name}1"].Single(), Is.EqualTo(inodes[$"d/{name}"].Single()), name);
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>
    /// A layer with a hard link to what is not in it does not apply by itself: the caller applies it over its parent then (S-4, U-5). Nothing else in it makes that necessary.
    /// </summary>
    [Test]
    public async Task HardLinkWithNothingBeneathIsRefused()
    {
        TarBuilder layer = new TarBuilder().Directory("up").HardLink("up/g", "low/f");
        await RefusesAsync(ErrorKind.InvalidArgument, layer);
        Assert.That(await NamesAsync(new TarBuilder().Directory("low").File("low/f", "x"), layer), Has.Member("up/g=x"));
    }

    /// <summary>The target of a hard link lies behind a link of a lower layer, in what this layer itself has made or removed .</summary>
    [Test]
    public async Task HardLinksThroughLowerLinksToWhatIsAbove()
    {
        TarBuilder low = new TarBuilder().Directory("d").SymbolicLink("d/up", "..").File("f", "low").File("gone");
        Assert.That(await NamesAsync(low, new TarBuilder().File("f", "up").HardLink("h", "d/up/f")), Is.EqualTo((string[])["d/", "d/up->..", "f=up", "gone=", "h=up"]));
        await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().Whiteout("gone").HardLink("i", "d/up/gone"));
    }

    // Without its names, of which there are more now.
    private string Comparable(string path) => System.Text.RegularExpressions.Regex.Replace(Describe(path), " [0-9]+ names, first [^ ]*", "");
}
