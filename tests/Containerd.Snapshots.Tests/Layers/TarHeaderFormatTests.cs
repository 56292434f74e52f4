using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Header blocks of every age, and headers that lie.</summary>
[RequiresRoot]
public sealed class TarHeaderFormatTests
{
    /// <summary>Numbers as the programs of fifty years wrote them: padded with spaces or zeros on either side, without an end, in base-256, with rubbish behind their end.</summary>
    [TestCase("0000644\0", 0x1A4)]
    [TestCase("000644 \0", 0x1A4)]
    [TestCase("   644 \0", 0x1A4)]
    [TestCase("00000644", 0x1A4)]
    [TestCase("644\0junk", 0x1A4)]
    [TestCase("\0\0\0\0\0\0\0\0", 0)]
    [TestCase("        ", 0)]
    [TestCase("0100644\0", 0x1A4)]
    [TestCase("\u0080\0\0\0\0\0\u0001\u00A4", 0x1A4)]
    public async Task Numbers(string field, int mode) =>
        Assert.That((await TreeAsync(new TarBuilder().Edited(TarForge.File("f"), entry => TarForge.Text(entry, 100, field)))).Single().Mode, Is.EqualTo(mode));

    [TestCase(124, "0000000008\0")]
    [TestCase(124, "7777777777x\0")]
    [TestCase(124, "-1         \0")]
    [TestCase(124, "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF")]
    [TestCase(124, "\u0080\u0001\0\0\0\0\0\0\0\0\0\0")]
    [TestCase(124, "\u0080\0\0\0\u007F\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF")]
    [TestCase(124, "\u0080\0\0\0\u0080\0\0\0\0\0\0\0")]
    public void ImpossibleNumbersAreRefused(int offset, string field) =>
        Refuses(new TarBuilder().Edited(TarForge.File("f"), entry => TarForge.Text(entry, offset, field)), ErrorKind.DataCorrupted);

    [TestCase("\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF")]
    [TestCase("\u0080\0\0\u0001\0\0\0\0")]
    public void ImpossibleOwnersAreRefused(string field) =>
        Refuses(new TarBuilder().Edited(TarForge.File("f"), entry => TarForge.Text(entry, 108, field)), ErrorKind.InvalidArgument);

    /// <summary>Names that fill their field have no end; what GNU and star keep in the place of the prefix is none.</summary>
    [Test]
    public async Task NamesAndPrefixes()
    {
        string full = new('n', 100), prefix = string.Join('/', Enumerable.Repeat(new string('p', 30), 5));
        IReadOnlyList<TreeFile> tree = await TreeAsync(new TarBuilder()
            .File(full)
            .Edited(TarForge.File(full), entry => TarForge.Text(entry, 345, prefix + "/"))
            .Edited(TarForge.File("gnu"), entry =>
            {
                TarForge.MakeGnu(entry);
                TarForge.Text(entry, 345, "12345670123\0");
            })
            .Edited(TarForge.File("v7"), entry =>
            {
                TarForge.MakeOld(entry);
                TarForge.Text(entry, 345, "no/prefix");
            })
            .Edited(TarForge.File("star"), entry =>
            {
                TarForge.Text(entry, 345, "s/t");
                TarForge.Text(entry, 345 + 131, "00000000001 00000000002");
                TarForge.Text(entry, 508, "tar\0");
            })
            .Edited(TarForge.File("no version"), entry => TarForge.Text(entry, 263, "  "))
            .Edited(TarForge.File("ignored"), entry => TarForge.Text(entry, 345, "ignored/prefix")));
        Assert.That(
            tree.Where(file => file.Type == 'f').Select(file => file.Path),
            Is.EquivalentTo((string[])[full, $"{prefix}/{full}", "gnu", "v7", "s/t/star", "no version", "ignored/prefix/ignored"]));
    }

    /// <summary>Types that a header spells in several ways; the size of what has no content means nothing.</summary>
    [Test]
    public async Task Types()
    {
        var archive = new TarBuilder()
            .Entry('\0', "v7"u8, default, "a"u8).Entry('7', "contiguous"u8, default, "b"u8).Entry('0', "slash/"u8, default, "c"u8)
            .Entry('5', "directory"u8, default, default, size: 512)
            .Entry('2', "link"u8, "v7"u8, default, size: 1L << 40).Entry('1', "hard"u8, "v7"u8, default, size: 1).Entry('6', "fifo"u8, default, default, size: 9)
            .Entry('3', "device"u8, default, default, new() { Device = (1, 3) }, size: 9)
            .File("end");
        Assert.That(
            (await TreeAsync(archive)).Select(file => file.ToString()),
            Is.EqualTo((string[])["contiguous=b", "c:device", "directory/", "end=", "p:fifo", "hard=a", "link->v7", "slash=c", "v7=a"]));
    }

    /// <summary>A size that is not the content's: beyond the end of the archive, into the next header, or short of the content.</summary>
    [Test]
    public async Task SizesThatLie()
    {
        Refuses(new TarBuilder().Entry('0', "f"u8, default, "x"u8, size: 1 << 20), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Entry('0', "f"u8, default, "x"u8, size: long.MaxValue >> 10), ErrorKind.ResourceExhausted);
        Refuses(new TarBuilder().Entry('0', "f"u8, default, new byte[600].Select(_ => (byte)'x').ToArray(), size: 1), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Pax('x', ("size", "1")).File("f", new string('x', 600)), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Pax('x', ("size", "5000")).File("f", "x").File("g"), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Pax('x', ("size", "0")).Entry('0', "f"u8, default, "x"u8), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Entry('x', "x"u8, default, "10 path=a\n"u8, size: 600).File("f"), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Entry('L', "x"u8, default, "a"u8, size: 1 << 12), ErrorKind.DataCorrupted);
        // Content in the next entry's place: the file swallows its neighbour, and no more.
        Assert.That(
            (await TreeAsync(new TarBuilder().Entry('0', "f"u8, default, default, size: 512).File("swallowed").File("g"))).Select(file => file.Path), Is.EqualTo((string[])["f", "g"]));
    }

    /// <summary>Where the end is: nothing behind it counts, a lone block of zeros is none, rubbish is not a header.</summary>
    [Test]
    public async Task Ends()
    {
        Assert.That(
            (await TreeAsync(new TarBuilder().File("f").Raw(new byte[1024]).File("behind"))).Select(file => file.Path), Is.EqualTo((string[])["f"]));
        Refuses(new TarBuilder().File("f").Raw(new byte[512]).File("behind"), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().File("f").Pax('x', ("path", "x")), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().File("f").Pax('x', ("path", "x")).Pax('g', ("comment", "x")), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().File("f").GnuLong('L', "x"), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().Raw([.. Enumerable.Repeat((byte)'x', 512)]), ErrorKind.DataCorrupted);
        Refuses(new TarBuilder().File("").Raw([1]), ErrorKind.DataCorrupted);
    }

    /// <summary>A name made of nothing is the root, which is no entry; a link's or a hard link's target of nothing is refused.</summary>
    [Test]
    public async Task EmptyNames()
    {
        Assert.That(await TreeAsync(new TarBuilder().File("").Directory("").Entry('2', ""u8, "x"u8, default).Entry('1', "/"u8, "x"u8, default)), Is.Empty);
        Refuses(new TarBuilder().SymbolicLink("l", ""), ErrorKind.InvalidArgument);
        Refuses(new TarBuilder().HardLink("l", ""), ErrorKind.InvalidArgument);
    }

    private static async Task<IReadOnlyList<TreeFile>> TreeAsync(TarBuilder archive)
    {
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(archive.ToArray());
        return TreeFile.ReadAll(scratch.Tree);
    }

    private static void Refuses(TarBuilder archive, ErrorKind kind)
    {
        using var scratch = new LayerScratch();
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(archive.ToArray()))!;
        Assert.That(e.Kind, Is.EqualTo(kind), string.Create(CultureInfo.InvariantCulture, $"{e.Message}"));
    }
}
