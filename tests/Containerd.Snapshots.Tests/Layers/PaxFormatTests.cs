using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Extended headers: which of several values holds, and what a hostile one can cost.</summary>
[RequiresRoot]
public sealed class PaxFormatTests
{
    /// <summary>An empty value takes away what was said before, in this header, in a global one, so that the header's own field holds; a number of bytes is no length.</summary>
    [Test]
    public async Task EmptyValuesTakeBack()
    {
        IReadOnlyList<TreeFile> tree = await TreeAsync(new TarBuilder()
            .Pax('g', ("uid", "5"), ("gid", "6"), ("mtime", "77.5"))
            .File("global").File("own", "", new() { Uid = 1, Gid = 2, ModifyTime = 3, Pax = [("uid", "8"u8.ToArray()), ("mtime", "9"u8.ToArray())] })
            .File("taken-back", "", new() { Uid = 1, Gid = 2, ModifyTime = 3, Pax = [("uid", []), ("gid", []), ("mtime", [])] })
            .File("header", "12", new() { Pax = [("path", "other"u8.ToArray()), ("path", []), ("size", "1"u8.ToArray()), ("size", [])] })
            .Pax('g', ("comment", "a global header replaces the one before it"))
            .File("last", "", new() { Uid = 1, Gid = 2, ModifyTime = 3 }));
        Assert.That(
            tree.Select(file => $"{file} {file.Uid}:{file.Gid} {file.ModifyTime.TrimEnd('0')}"),
            Is.EqualTo((string[])["global= 5:6 77.5", "header=12 5:6 77.5", "last= 1:2 3.", "own= 8:6 9.", "taken-back= 1:2 3."]));
    }

    /// <summary>A name, a link's target, a size and attributes are one file's: in a global header they count for nothing.</summary>
    [Test]
    public async Task GlobalHeadersAreNotForOneFile()
    {
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(new TarBuilder()
            .Pax('g', ("path", "no"), ("linkpath", "no"), ("size", "0"), ("SCHILY.xattr.user.no", "1"), ("GNU.sparse.name", "no"), ("GNU.sparse.major", "1"), ("LIBARCHIVE.xattr.user.no", "MQ"))
            .File("f", "content").SymbolicLink("l", "f").ToArray());
        Assert.That(TreeFile.ReadAll(scratch.Tree).Select(file => file.ToString()), Is.EqualTo((string[])["f=content", "l->f"]));
        Assert.That(TarFormatTests.Xattrs(Path.Join(scratch.Tree, "f")), Is.Empty);
    }

    /// <summary>Of two extended headers before one entry the last counts, as for GNU tar and Go, and nothing of the first.</summary>
    [Test]
    public async Task TheLastExtendedHeaderCounts() => Assert.That(
        (await TreeAsync(new TarBuilder()
            .Pax('x', ("path", "first"), ("uid", "1")).Pax('x', ("gid", "2")).GnuLong('L', "gnu-one").GnuLong('L', "gnu").File("f")
            .GnuLong('L', "gnu-two").Pax('x', ("path", "pax")).File("g")))
        .Select(file => $"{file} {file.Uid}:{file.Gid}"),
        Is.EqualTo((string[])["gnu= 0:2", "pax= 0:0"]));

    /// <summary>Keys and values are bytes: newlines, equals signs, what looks like a record; an unknown key is nobody's business.</summary>
    [Test]
    public async Task ValuesAreBytes()
    {
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(new TarBuilder().File("f", "", new()
        {
            Pax =
            [
                ("path", Encoding.UTF8.GetBytes("a=b\n30 uid=1\n")), ("SCHILY.xattr.user.x", "=\n12 gid=7\n"u8.ToArray()), ("unknown.key", "x"u8.ToArray()), ("hdrcharset", "BINARY"u8.ToArray()),
                ("SCHILY.xattr.user.\u00E9 \n!", "1"u8.ToArray()), ("SCHILY.xattr.user.100%25 %3D%3d%", "2"u8.ToArray()), ("uname", "root"u8.ToArray()), ("ctime", "nonsense"u8.ToArray()),
            ],
        }).ToArray());
        TreeFile file = TreeFile.ReadAll(scratch.Tree).Single();
        Assert.That(file, Has.Property("Path").EqualTo("a=b\n30 uid=1\n").And.Property("Uid").Zero.And.Property("Gid").Zero);
        Assert.That(TarFormatTests.Xattrs(Path.Join(scratch.Tree, file.Path)), Is.EqualTo((string[])
        [
            "user.100% =%3d%=32", $"user.x={Convert.ToHexString("=\n12 gid=7\n"u8)}", $"user.{Encoding.Latin1.GetString("\u00E9"u8)} \n!=31",
        ]));
    }

    /// <summary>Extended headers without an end before one entry: what they hold does not pile up.</summary>
    [Test, CancelAfter(60_000)]
    public async Task ExtendedHeadersDoNotPileUp([Values('x', 'g', 'L', 'K')] char type)
    {
        byte[] header = type is 'L' or 'K'
            ? new TarBuilder().GnuLong(type, new string('n', 4096)).ToArrayWithoutEnd()
            : new TarBuilder().Pax(type, ("comment", new string('c', 500_000)), ("SCHILY.xattr.user.x", new string('c', 500_000)), ("path", "x")).ToArrayWithoutEnd();
        int count = (128 << 20) / header.Length;
        using var scratch = new LayerScratch();
        long before = GC.GetTotalAllocatedBytes();
        var options = new TarLayerApplierOptions { Limits = new LayerLimits { MaxXattrBytes = 1 << 20 } };
        await scratch.ApplyAsync(new RepeatedStream(header, count, new TarBuilder().Pax('x', ("comment", "last")).GnuLong('L', "f").GnuLong('K', "x").File("f").ToArray()), options);
        Assert.That(GC.GetTotalAllocatedBytes() - before, Is.LessThan(48 << 20));
        Assert.That(TreeFile.ReadAll(scratch.Tree), Has.Count.EqualTo(1));
    }

    /// <summary>As many attributes as one header holds, again and again on one directory, cost time in proportion to the bytes of the layer.</summary>
    [Test, CancelAfter(20_000)]
    public async Task ManyAttributesTakeNoTime(CancellationToken cancellationToken)
    {
        TarEntryOptions few = new() { Pax = [.. Enumerable.Range(0, 500).Select(i => ($"SCHILY.xattr.user.{i}", Array.Empty<byte>()))] };
        TarEntryOptions many = new() { Pax = [.. few.Pax, .. Enumerable.Range(0, 30_000).Select(i => ($"SCHILY.xattr.no.{i}", Array.Empty<byte>()))] };
        using var scratch = new LayerScratch("/dev/shm");
        await scratch.ApplyAsync(
            new RepeatedStream(new TarBuilder().Directory("d", many).ToArrayWithoutEnd(), 200, []), new() { Limits = new() { MaxXattrBytes = 1 << 20 } }, cancellationToken);
        Assert.That(TarFormatTests.Xattrs(Path.Join(scratch.Tree, "d")), Has.Length.EqualTo(500));
    }

    /// <summary>Records that contradict each other or the header, or break the form, in every way that could slip through a parser.</summary>
    [TestCase("11 path=a\n")]
    [TestCase("8 path=a\n")]
    [TestCase("-10 path=a\n")]
    [TestCase("+10 path=a\n")]
    [TestCase(" 10 path=a\n")]
    [TestCase("10  path=a")]
    [TestCase("10\tpath=a\n")]
    [TestCase("10path=a\n\n")]
    [TestCase("4294967306 path=a\n")]
    [TestCase("18446744073709551626 path=a\n")]
    [TestCase("3 \n")]
    [TestCase("2 ")]
    [TestCase("5 =a\n")]
    [TestCase("\n")]
    [TestCase("10 path=a\n\0\0")]
    public void MalformedRecordsAreRefused(string records) =>
        Refuses(new TarBuilder().Entry('x', "x"u8, default, Encoding.ASCII.GetBytes(records)).File("f"), ErrorKind.DataCorrupted);

    /// <summary>ACLs as text: in any order, with numbers as names or behind them, with getfacl's remarks; one that names somebody without a number is left out whole.</summary>
    [TestCase("user::rw-,user:4242:rwx,group::r--,mask::rwx,other::---", true)]
    [TestCase("other::---\nmask::rwx\ngroup::r--\nuser:4242:rwx\t#effective:r--\nuser::rw-\n", true)]
    [TestCase("u::rw,u:somebody:rwx:4242,g::r,m:rwx,o:-", true)]
    [TestCase("user::rw-,user::rwx:4242,group::r--,mask::rwx,other::---\0", true)]
    [TestCase("user::rw-,user:somebody:rwx,group::r--,mask::rwx,other::---", false)]
    [TestCase("user::rw-,user:4294967295:rwx,group::r--,mask::rwx,other::---", false)]
    [TestCase("", false)]
    public async Task AclsAsText(string text, bool applied)
    {
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(new TarBuilder().File("f", "", new() { Mode = 0x1B8, Pax = [("SCHILY.acl.access", Encoding.Latin1.GetBytes(text))] }).ToArray());
        const string Acl = "system.posix_acl_access=0200000001000600FFFFFFFF020007009210000004000400FFFFFFFF10000700FFFFFFFF20000000FFFFFFFF";
        Assert.That(TarFormatTests.Xattrs(Path.Join(scratch.Tree, "f")), Is.EqualTo(applied ? (string[])[Acl] : []));
    }

    [TestCase("user")]
    [TestCase("user::rwz")]
    [TestCase("user::rwx:1:2")]
    [TestCase("everybody::rwx")]
    [TestCase("user::rw-,,:")]
    public void MalformedAclsAreRefused(string text) => Refuses(new TarBuilder().Pax('x', ("SCHILY.acl.access", text)).File("f"), ErrorKind.DataCorrupted);

    [TestCase("uid", "-1", ErrorKind.DataCorrupted)]
    [TestCase("uid", "0x10", ErrorKind.DataCorrupted)]
    [TestCase("gid", "4294967296", ErrorKind.InvalidArgument)]
    [TestCase("mtime", "1.2.3", ErrorKind.DataCorrupted)]
    [TestCase("mtime", "--1", ErrorKind.DataCorrupted)]
    [TestCase("mtime", "-", ErrorKind.DataCorrupted)]
    [TestCase("mtime", "1e9", ErrorKind.DataCorrupted)]
    [TestCase("atime", "99999999999999999999", ErrorKind.DataCorrupted)]
    [TestCase("size", "1.0", ErrorKind.DataCorrupted)]
    [TestCase("size", " 1", ErrorKind.DataCorrupted)]
    [TestCase("linkpath", "a\0b", ErrorKind.InvalidArgument)]
    [TestCase("LIBARCHIVE.xattr.user.a", "*", ErrorKind.DataCorrupted)]
    [TestCase("LIBARCHIVE.xattr.user.a", "A", ErrorKind.DataCorrupted)]
    [TestCase("LIBARCHIVE.xattr.user.a%00b", "AA", ErrorKind.InvalidArgument)]
    [TestCase("SCHILY.xattr.system.posix_acl_access", "x", ErrorKind.InvalidArgument)]
    [TestCase("SCHILY.xattr.security.capability", "x", ErrorKind.InvalidArgument)]
    public void ImpossibleValuesAreRefused(string key, string value, ErrorKind kind) => Refuses(new TarBuilder().Pax('x', (key, value)).File("f", "x"), kind);

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
        Assert.That(e.Kind, Is.EqualTo(kind), e.Message);
    }
}
