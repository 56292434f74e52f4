namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    /// <summary>A name is cleaned as text before anything is looked up: a link that <c>..</c> comes after plays no part.</summary>
    [Test]
    public async Task NamesAreCleanedAsText() => Assert.That(
        await NamesAsync(new TarBuilder()
            .Directory("deep/er").SymbolicLink("link", "deep/er").File("./a//b/./c/").File("/absolute").File("link/../beside").File("x/../../../y").Directory("deep/er/..")),
        Is.EqualTo((string[])["a/", "a/b/", "a/b/c=", "absolute=", "beside=", "deep/", "deep/er/", "link->deep/er", "y="]));

    /// <summary>As many links as containerd follows lead on, one more does not, and a circle never ends up anywhere .</summary>
    [Test]
    public async Task ChainsOfLinks()
    {
        TarBuilder chain = new TarBuilder().Directory("end");
        for (int i = 0; i <= 255; i++)
            chain.SymbolicLink($"l{i:d3}", i == 0 ? "/end" : $"../../l{i - 1:d3}");
        string[] names = await NamesAsync(chain, new TarBuilder().File("l254/f", "x"));
        Assert.That(names, Has.Member("end/f=x"));
        await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().File("l255/f"));
        await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().SymbolicLink("self", "self").SymbolicLink("a", "b").SymbolicLink("b", "/a"), new TarBuilder().File("self/f"));
        await RefusesAsync(ErrorKind.InvalidArgument, new TarBuilder().File("a/b/c"));
    }

    /// <summary>A link to nothing leads to a directory that is made for it, inside .</summary>
    [Test]
    public async Task ParentsBehindALinkToNothing() => Assert.That(
        await NamesAsync(new TarBuilder().SymbolicLink("link", "/../../new/er").File("link/sub/f", "x")),
        Is.EqualTo((string[])["link->/../../new/er", "new/", "new/er/", "new/er/sub/", "new/er/sub/f=x"]));

    /// <summary>Whatever is no directory is no parent, be it behind a link, of this layer or of one beneath .</summary>
    /// <param name="parent">What stands in the parent's place.</param>
    /// <param name="below">Whether it comes from a layer beneath.</param>
    [Test]
    public Task NothingButADirectoryIsAParent([Values("file", "fifo", "device", "link")] string parent, [Values] bool below)
    {
        TarBuilder first = new TarBuilder().File("target");
        switch (parent)
        {
            case "file":
                first.File("p");
                break;
            case "fifo":
                first.Fifo("p");
                break;
            case "device":
                first.CharacterDevice("p", 1, 3);
                break;
            default:
                first.SymbolicLink("p", "target");
                break;
        }
        return below
            ? RefusesAsync(ErrorKind.InvalidArgument, first, new TarBuilder().File("p/f"))
            : RefusesAsync(ErrorKind.InvalidArgument, first.File("p/f"));
    }

    /// <summary>All directories on the way that only a lower layer describes keep what it says, times and attributes too, whatever is made beneath them .</summary>
    /// <param name="entry">How the layer comes to make the directories.</param>
    [TestCase("file")]
    [TestCase("whiteout")]
    [TestCase("hard link")]
    public async Task DirectoriesOnTheWayKeepEverything(string entry)
    {
        static TarEntryOptions Options(int number) => new()
        {
            Mode = 0x1C0 | number,
            Uid = 10 + number,
            Gid = 20 + number,
            ModifyTime = 1_100_000_000 + number,
            Pax = [("SCHILY.xattr.user.kept", "y"u8.ToArray()), ("mtime", Bytes($"{1_100_000_000 + number}.5"))],
        };
        byte[] low = new TarBuilder().Directory("a", Options(1)).Directory("a/b", Options(2)).Directory("a/b/c", Options(3)).File("a/b/c/low", "x").File("other").ToArray();
        await ApplyAsync(low);
        string[] before = [Describe("a"), Describe("a/b"), Describe("a/b/c")];
        Assert.That(before[0], Does.Contain("SCHILY.xattr.user.kept=y").And.Contain(" 1100000001.5"));
        TarBuilder up = entry switch
        {
            "file" => new TarBuilder().File("a/b/c/up"),
            "whiteout" => new TarBuilder().Whiteout("a/b/c/low"),
            _ => new TarBuilder().HardLink("linked", "a/b/c/low"),
        };
        (_, LayerApplyResult result) = await ApplyAsync(up.ToArray());
        Assert.That((string[])[Describe("a"), Describe("a/b"), Describe("a/b/c")], Is.EqualTo(before));
        Assert.That(result.DependsOnBase, Is.True);
    }

    /// <summary>
    /// A path leads through a link of a lower layer for as long as that is there: it is gone when something else has its name, a whiteout too, though nothing of the upper layer was
    /// replaced.
    /// </summary>
    /// <param name="name">Which of two links, one of which leads to the other, gives way.</param>
    /// <param name="entry">To what.</param>
    [Test]
    public async Task LinksOfLowerLayersThatGiveWay(
        [Values("way", "further")] string name, [Values("directory", "link", "hard link", "whiteout", "opaque")] string entry)
    {
        TarBuilder low = new TarBuilder().Directory("real").Directory("other").SymbolicLink("other/to", "/real").SymbolicLink("in/further", "../real").SymbolicLink("in/way", "further");
        TarBuilder up = new TarBuilder().Directory("in").File("in/way/before", "1");
        string[] made = name == "way" ? ["in/further->../real"] : ["in/way->further"];
        switch (entry)
        {
            case "directory":
                up.Directory($"in/{name}");
                made = [.. made, $"in/{name}/", $"in/{name}/after=2"];
                break;
            case "link":
                up.SymbolicLink($"in/{name}", "../other");
                made = [.. made, $"in/{name}->../other", "other/after=2"];
                break;
            case "hard link":
                up.HardLink($"in/{name}", "other/to").File("in/way/after", "2");
                made = [.. made, $"in/{name}->/real", "real/after=2"];
                break;
            case "whiteout":
                up.Whiteout($"in/{name}");
                made = [.. made, $"in/{name}/", $"in/{name}/after=2"];
                break;
            default:
                up.Opaque("in");
                made = ["in/way/", "in/way/after=2"];
                break;
        }
        Assert.That(
            await NamesAsync(low, up.File("in/way/after", "2")),
            Is.EquivalentTo((string[])["in/", "other/", "other/to->/real", "real/", "real/before=1", .. made]));
    }

    /// <summary>What an entry replaces may be a link on its own way: it comes to stand where that was .</summary>
    [Test]
    public async Task EntriesThatReplaceTheLinkTheyCameThrough() => Assert.That(
        await NamesAsync(
            new TarBuilder().Directory("x").File("x/low").Directory("y").File("y/low").Directory("z").File("z/low").File("f", "f"),
            new TarBuilder().SymbolicLink("x", ".").SymbolicLink("x/x", "f").SymbolicLink("y", ".").File("y/y", "y").SymbolicLink("z", ".").HardLink("z/z", "f")),
        Is.EqualTo((string[])["f=f", "x->f", "y=y", "z=f"]));

    private static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
