using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[RequiresRoot]
public sealed class TarFormatTests
{
    [Test]
    public async Task ExtendedHeadersOverrideTheHeader()
    {
        byte[] content = "0123456789"u8.ToArray();
        byte[] archive = new TarBuilder()
            .Entry('0', "short"u8, default, content, new TarEntryOptions
            {
                Pax =
                [
                    ("path", "wrong"u8.ToArray()), ("path", "dir/long"u8.ToArray()), ("size", "10"u8.ToArray()), ("uid", "77"u8.ToArray()), ("mtime", "5.25"u8.ToArray()),
                ],
            }, size: 3)
            .File("behind", "x")
            .ToArray();
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(archive);
        IReadOnlyList<TreeFile> tree = TreeFile.ReadAll(scratch.Tree);
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["behind=x", "dir/", "dir/long=0123456789"]));
        Assert.That(tree[2].Uid, Is.EqualTo(77));
        Assert.That(tree[2].ModifyTime, Does.StartWith("5.25"));
    }

    [Test]
    public async Task GlobalHeadersHoldForWhatFollows()
    {
        byte[] archive = new TarBuilder()
            .File("before")
            .Entry('g', "g"u8, default, TarBuilder.PaxRecords([("uid", "5"u8.ToArray()), ("path", "no"u8.ToArray()), ("comment", "x"u8.ToArray())]))
            .File("after")
            .File("own", "", new TarEntryOptions { Pax = [("uid", "6"u8.ToArray())] })
            .ToArray();
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(archive);
        Assert.That(TreeFile.ReadAll(scratch.Tree).Select(file => (file.Path, file.Uid)), Is.EqualTo(((string, uint)[])[("after", 5), ("before", 0), ("own", 6)]));
    }

    [Test]
    public async Task LongNamesOfGnu()
    {
        byte[] name = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("n", 150)));
        byte[] archive = new TarBuilder()
            .Entry('K', "././@LongLink"u8, default, [.. name, 0])
            .Entry('L', "././@LongLink"u8, default, [(byte)'x', .. name, 0])
            .Entry('2', "cut"u8, "cut"u8, default)
            .ToArray();
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(archive);
        string text = Encoding.ASCII.GetString(name);
        Assert.That(TreeFile.ReadAll(scratch.Tree).Single().ToString(), Is.EqualTo($"x{text}->{text}"));
    }

    [Test]
    public async Task PrefixesSignedChecksumsAndOldHeaders()
    {
        byte[] prefixed = new TarBuilder().File("name", "1").ToArrayWithoutEnd();
        "a/b"u8.CopyTo(prefixed.AsSpan(345));
        TarBuilder.Seal(prefixed.AsSpan(0, 512));
        byte[] signed = new TarBuilder().File([0xE9, (byte)'x'], [(byte)'2']).ToArrayWithoutEnd();
        signed.AsSpan(148, 8).Fill((byte)' ');
        int sum = signed.AsSpan(0, 512).ToArray().Sum(value => (sbyte)value);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(signed, 148);
        byte[] old = new TarBuilder().Entry('\0', "olddir/"u8, default, default).ToArrayWithoutEnd();
        old.AsSpan(257, 8).Clear();
        TarBuilder.Seal(old.AsSpan(0, 512));
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync([.. prefixed, .. signed, .. old, .. new byte[1024]]);
        Assert.That(
            TreeFile.ReadAll(scratch.Tree).Select(file => file.Path),
            Is.EqualTo((string[])["a", "a/b", "a/b/name", "olddir", "\u00E9x"]));
    }

    [Test]
    public async Task AttributesAreBytesAndOnlyThoseThatALayerMaySet()
    {
        byte[] odd = [0, 10, 0xFF, (byte)'='];
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // cap_net_bind_service+p
        byte[] archive = new TarBuilder()
            .File("f", "x", new TarEntryOptions
            {
                Uid = 1,
                Pax =
                [
                    ("SCHILY.xattr.user.twice", "first"u8.ToArray()), ("SCHILY.xattr.user.twice", odd), ("SCHILY.xattr.user.empty", []),
                    ("SCHILY.xattr.security.capability", capability), ("LIBARCHIVE.xattr.user.per%25cent", "AAr/PQ"u8.ToArray()),
                    ("SCHILY.xattr.trusted.overlay.opaque", "y"u8.ToArray()), ("SCHILY.xattr.trusted.x", "y"u8.ToArray()),
                    ("SCHILY.xattr.user.overlay.opaque", "y"u8.ToArray()), ("SCHILY.xattr.security.other", "y"u8.ToArray()),
                ],
            })
            .HardLink("g", "f", new TarEntryOptions { Uid = 1 })
            .ToArray();
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(archive);
        Assert.That(Xattrs(Path.Join(scratch.Tree, "f")), Is.EquivalentTo((string[])
        [
            $"security.capability={Convert.ToHexString(capability)}", "user.empty=", $"user.per%cent={Convert.ToHexString(odd)}", $"user.twice={Convert.ToHexString(odd)}",
        ]));
    }

    [Test]
    public async Task AttributesOfADirectoryAreReplaced()
    {
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(new TarBuilder().Directory("d", new TarEntryOptions { Pax = [("SCHILY.xattr.user.old", "1"u8.ToArray())] }).ToArray());
        await scratch.ApplyAsync(new TarBuilder().Directory("d", new TarEntryOptions { Pax = [("SCHILY.xattr.user.new", "1"u8.ToArray())] }).ToArray());
        Assert.That(Xattrs(Path.Join(scratch.Tree, "d")), Is.EqualTo((string[])["user.new=31"]));
    }

    [TestCase("uid", "4294967295", ErrorKind.InvalidArgument)]
    [TestCase("uid", "99999999999999999999", ErrorKind.DataCorrupted)]
    [TestCase("size", "-1", ErrorKind.DataCorrupted)]
    [TestCase("size", "9223372036854775807", ErrorKind.DataCorrupted)]
    [TestCase("size", "1000000000000000000", ErrorKind.ResourceExhausted)]
    [TestCase("path", "a\0b", ErrorKind.InvalidArgument)]
    [TestCase("mtime", "x", ErrorKind.DataCorrupted)]
    [TestCase("GNU.sparse.map", "5,1,2,1", ErrorKind.DataCorrupted)]
    public void ImpossibleRecordsAreRefused(string key, string value, ErrorKind kind) =>
        Refuses(new TarBuilder().File("f", "x", new TarEntryOptions { Pax = [(key, Encoding.ASCII.GetBytes(value))] }), kind);

    [TestCase("5 a=b\n")]
    [TestCase("0 a=b\n")]
    [TestCase("6 ab1\n")]
    [TestCase("99999999999 a=b\n")]
    [TestCase("x")]
    [TestCase("7 =abc\n")]
    public void MalformedRecordsAreRefused(string records) =>
        Refuses(new TarBuilder().Entry('x', "x"u8, default, Encoding.ASCII.GetBytes(records)).File("f"), ErrorKind.DataCorrupted);

    [TestCase('V')]
    [TestCase('M')]
    [TestCase('Z')]
    public void UnknownTypesAreRefused(char type) => Refuses(new TarBuilder().Entry(type, "f"u8, default, default), ErrorKind.NotSupported);

    private static void Refuses(TarBuilder archive, ErrorKind kind)
    {
        using var scratch = new LayerScratch();
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(archive.ToArray()))!;
        Assert.That(e.Kind, Is.EqualTo(kind), e.Message);
    }

    internal static string[] Xattrs(string path)
    {
        string directory = Path.GetDirectoryName(path)!;
        Assert.That(Interop.Files.OpenRoot(directory, out var parent).Ok);
        using (parent)
        {
            Assert.That(Interop.Files.OpenPath(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)), out var file).Ok);
            using (file)
            {
                byte[] names = new byte[65536], value = new byte[65536];
                Assert.That(Interop.Xattr.List(file, names, out int length).Ok);
                var found = new List<string>();
                foreach (string name in Encoding.Latin1.GetString(names, 0, length).Split('\0', StringSplitOptions.RemoveEmptyEntries))
                {
                    Assert.That(Interop.Xattr.Get(file, Encoding.Latin1.GetBytes(name), value, out int valueLength).Ok);
                    found.Add($"{name}={Convert.ToHexString(value, 0, valueLength)}");
                }
                found.Sort(StringComparer.Ordinal);
                return [.. found];
            }
        }
    }
}
