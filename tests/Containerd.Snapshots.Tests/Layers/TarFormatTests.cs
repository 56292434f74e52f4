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

    [Test]
    public void EveryLimitHolds()
    {
        TarBuilder pax = new TarBuilder().File("f", "", new TarEntryOptions { Pax = [("SCHILY.xattr.user.x", new byte[2000])] });
        Refuses(pax, ErrorKind.ResourceExhausted, new LayerLimits { MaxPaxBytes = 1000 }, nameof(LayerLimits.MaxPaxBytes));
        Refuses(pax, ErrorKind.ResourceExhausted, new LayerLimits { MaxXattrBytes = 1000 }, nameof(LayerLimits.MaxXattrBytes));
        Refuses(new TarBuilder().File("a").File("b"), ErrorKind.ResourceExhausted, new LayerLimits { MaxEntries = 1 }, nameof(LayerLimits.MaxEntries));
        Refuses(new TarBuilder().File("a/b/c"), ErrorKind.ResourceExhausted, new LayerLimits { MaxPathDepth = 2 }, nameof(LayerLimits.MaxPathDepth));
        Refuses(new TarBuilder().File("abc"), ErrorKind.ResourceExhausted, new LayerLimits { MaxPathBytes = 2 }, nameof(LayerLimits.MaxPathBytes));
        byte[] sparse = TarBuilder.PaxRecords([("GNU.sparse.size", "2000000"u8.ToArray()), ("GNU.sparse.map", "0,1"u8.ToArray())]);
        Refuses(
            new TarBuilder().Entry('x', "x"u8, default, sparse).File("f", "x"), ErrorKind.ResourceExhausted, new LayerLimits { MaxExpandedBytes = 1 << 20 }, nameof(LayerLimits.MaxExpandedBytes));
    }

    [Test]
    public async Task TruncationsAtBlocksNeverPassAsTheWhole()
    {
        byte[] archive = Corpus();
        Digest whole = Digest.Sha256(archive);
        for (int length = 0; length < archive.Length; length += 512)
        {
            using var scratch = new LayerScratch("/dev/shm");
            try
            {
                // Where an entry ends an archive may end too; then the digest tells.
                Assert.That((await scratch.ApplyAsync(archive[..length])).DiffId, Is.Not.EqualTo(whole));
            }
            catch (ContainerdException e)
            {
                Assert.That(e.Kind, Is.EqualTo(ErrorKind.DataCorrupted), $"{length}: {e.Message}");
            }
        }
    }

    [Test, CancelAfter(60_000)]
    public async Task MutatedLayersFailCleanly([Values("tar", "gzip", "zstd")] string format, CancellationToken cancellationToken)
    {
        byte[] archive = Corpus();
        byte[] seed = format switch { "gzip" => CompressionTests.Gzip(archive), "zstd" => CompressionTests.Zstandard(archive), _ => archive };
        var random = new Random(20_010_909);
        var options = new TarLayerApplierOptions { Limits = new LayerLimits { MaxExpandedBytes = 8 << 20 } };
        int refused = 0;
        for (int round = 0; round < 600; round++)
        {
            byte[] layer = Mutate(seed, random, reseal: format == "tar" && round % 3 != 0);
            using var scratch = new LayerScratch("/dev/shm");
            try
            {
                await scratch.ApplyAsync(new MemoryStream(layer), options, cancellationToken);
            }
            catch (ContainerdException)
            {
                refused++;
            }
        }
        Assert.That(refused, Is.GreaterThan(100)); // else the mutations do not bite
    }

    private static byte[] Mutate(byte[] seed, Random random, bool reseal)
    {
        byte[] mutant = [.. seed];
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(mutant.Length);
            switch (random.Next(4))
            {
                case 0:
                    mutant[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    mutant[at] = (byte)random.Next(256);
                    break;
                case 2:
                    mutant = mutant[..at];
                    break;
                default:
                    int from = random.Next(mutant.Length);
                    int length = Math.Min(random.Next(1, 64), mutant.Length - Math.Max(at, from));
                    mutant.AsSpan(from, length).CopyTo(mutant.AsSpan(at));
                    break;
            }
            if (mutant.Length == 0)
                return mutant;
        }
        // With right checksums the mutations get past the front door.
        for (int block = 0; reseal && block + 512 <= mutant.Length; block += 512)
        {
            if (mutant.AsSpan(block + 257, 5).SequenceEqual("ustar"u8))
                TarBuilder.Seal(mutant.AsSpan(block, 512));
        }
        return mutant;
    }

    private static byte[] Corpus() => new TarBuilder()
        .Directory("d")
        .File("d/f", new string('x', 700))
        .File(new string('l', 120), "long", new TarEntryOptions { Pax = [("SCHILY.xattr.user.a", "b"u8.ToArray()), ("LIBARCHIVE.xattr.user.c", "AAr/PQ"u8.ToArray()), ("mtime", "1.5"u8.ToArray())] })
        .SymbolicLink("s", "d")
        .HardLink("h", "d/f")
        .Entry('L', "././@LongLink"u8, default, "gnu/long\0"u8)
        .File("cut", "g")
        .Entry('x', "x"u8, default, TarBuilder.PaxRecords([("GNU.sparse.major", "1"u8.ToArray()), ("GNU.sparse.minor", "0"u8.ToArray()), ("GNU.sparse.name", "sparse"u8.ToArray()), ("GNU.sparse.realsize", "3000"u8.ToArray())]))
        .File("p"u8.ToArray(), [.. Encoding.ASCII.GetBytes("2\n0\n5\n2000\n5\n".PadRight(512, '\0')), .. "helloworld"u8])
        .Whiteout("d/f")
        .Fifo("fifo")
        .ToArray();

    private static void Refuses(TarBuilder archive, ErrorKind kind, LayerLimits? limits = null, string? subject = null)
    {
        using var scratch = new LayerScratch();
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(
            () => scratch.ApplyAsync(archive.ToArray(), new TarLayerApplierOptions { Limits = limits ?? new LayerLimits() }))!;
        Assert.That(e.Kind, Is.EqualTo(kind), e.Message);
        if (subject is not null)
            Assert.That(e.Subject, Is.EqualTo(subject));
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
