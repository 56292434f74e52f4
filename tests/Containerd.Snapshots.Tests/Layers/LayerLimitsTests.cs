using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Every limit lets pass what reaches it, and nothing beyond; the failure names it.</summary>
[RequiresRoot]
public sealed class LayerLimitsTests
{
    private static byte[] Attributes(int length) =>
        new TarBuilder().File("f", "", new() { Pax = [("SCHILY.xattr.user.ab", new byte[100]), ("SCHILY.xattr.user.c", new byte[length - 113])] }).ToArray();

    private static byte[] Extended(char type, int length)
    {
        // "NNNN comment=…\n"
        byte[] records = TarBuilder.PaxRecords([("comment", new byte[length - 14])]);
        Assert.That(records, Has.Length.EqualTo(length));
        return new TarBuilder().Entry(type, "x"u8, default, records).File("f").ToArray();
    }

    private static byte[] SparseBlocks(string version, int blocks)
    {
        // 21 pieces a block in an old map, and about 60 in one of PAX 1.0.
        (long, string)[] pieces = [.. Enumerable.Range(0, version == "old" ? 4 + (21 * blocks) : (blocks - 1) * 60).Select(i => (1_000_000L + (i * 10), "x"))];
        var archive = new TarBuilder();
        return (version == "old" ? archive.OldSparse("f", 2_000_000, pieces) : archive.PaxSparse(version, "f", 2_000_000, pieces)).ToArray();
    }

    private static readonly TestCaseData[] Cases =
    [
        Case("archive", nameof(LayerLimits.MaxExpandedBytes), 10_240, limit => new() { MaxExpandedBytes = limit }, size => new TarBuilder().File("f").ToArray().Concat(new byte[size - 1536]).ToArray()),
        Case("sparse file", nameof(LayerLimits.MaxExpandedBytes), 1 << 30, limit => new() { MaxExpandedBytes = limit }, size => new TarBuilder().PaxSparse("0.1", "f", size - 3, (0, "x")).File("g", "abc").ToArray()),
        Case("sparse files together", nameof(LayerLimits.MaxExpandedBytes), 1 << 30, limit => new() { MaxExpandedBytes = limit }, size => new TarBuilder().OldSparse("f", size / 2).PaxSparse("1.0", "g", size - (size / 2)).ToArray()),
        Case("entries", nameof(LayerLimits.MaxEntries), 9, limit => new() { MaxEntries = limit }, count => [.. Enumerable.Repeat(TarForge.File("f"), (int)count).SelectMany(entry => entry)]),
        Case("directories that paths imply", nameof(LayerLimits.MaxEntries), 20, limit => new() { MaxEntries = limit }, count => new TarBuilder()
            .Directory($"a{count}").File($"a{count}/b/c/f").File(string.Join('/', Enumerable.Repeat($"d{count}", (int)count - 4))).ToArray()),
        Case("path in a record", nameof(LayerLimits.MaxPathBytes), 300, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().File("d/" + new string('n', 150) + "/" + new string('n', (int)length - 153)).ToArray()),
        Case("path in a header", nameof(LayerLimits.MaxPathBytes), 50, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().File(new string('n', (int)length)).ToArray()),
        Case("path of GNU", nameof(LayerLimits.MaxPathBytes), 200, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().GnuLong('L', new string('n', (int)length)).File("f").ToArray()),
        Case("path with a prefix", nameof(LayerLimits.MaxPathBytes), 104, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder()
            .Edited(TarForge.File(new string('n', 98)), entry => TarForge.Text(entry, 345, new string('p', (int)length - 99))).ToArray()),
        Case("link target", nameof(LayerLimits.MaxPathBytes), 300, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().SymbolicLink("l", new string('n', (int)length)).ToArray()),
        Case("link target of GNU", nameof(LayerLimits.MaxPathBytes), 300, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().GnuLong('K', new string('n', (int)length)).SymbolicLink("l", "x").ToArray()),
        Case("longest link target", nameof(LayerLimits.MaxPathBytes), 4095, limit => new() { MaxPathBytes = (int)limit }, length => new TarBuilder().SymbolicLink("l", new string('n', (int)length)).ToArray()),
        Case("depth", nameof(LayerLimits.MaxPathDepth), 5, limit => new() { MaxPathDepth = (int)limit }, depth => new TarBuilder().File("./x/../" + string.Join("/./", Enumerable.Repeat("d", (int)depth))).ToArray()),
        Case("depth of a hard link's target", nameof(LayerLimits.MaxPathDepth), 3, limit => new() { MaxPathDepth = (int)limit }, depth => new TarBuilder().File("a/b/f").SymbolicLink("a/c", ".").HardLink("h", depth == 3 ? "a/b/f" : "a/c/b/f").ToArray()),
        Case("depth behind a link", nameof(LayerLimits.MaxPathDepth), 5, limit => new() { MaxPathDepth = (int)limit }, depth => new TarBuilder()
            .SymbolicLink("l", string.Join('/', Enumerable.Repeat("d", (int)depth))).File("l/f").ToArray()),
        Case("paths of directories", nameof(LayerLimits.MaxDirectoryPathBytes), 90, limit => new() { MaxDirectoryPathBytes = limit }, length => new TarBuilder()
            .Directory("d").File($"d/{length}/f").Directory(new string('n', (int)length - 1 - $"d/{length}".Length)).ToArray()),
        Case("attributes", nameof(LayerLimits.MaxXattrBytes), 1000, limit => new() { MaxXattrBytes = (int)limit }, length => Attributes((int)length)),
        Case("extended header", nameof(LayerLimits.MaxPaxBytes), 2000, limit => new() { MaxPaxBytes = (int)limit }, length => Extended('x', (int)length)),
        Case("global header", nameof(LayerLimits.MaxPaxBytes), 2000, limit => new() { MaxPaxBytes = (int)limit }, length => Extended('g', (int)length)),
        Case("old sparse map", nameof(LayerLimits.MaxPaxBytes), 4, limit => new() { MaxPaxBytes = (int)limit * 512 }, blocks => SparseBlocks("old", (int)blocks)),
        Case("sparse map in the data", nameof(LayerLimits.MaxPaxBytes), 4, limit => new() { MaxPaxBytes = (int)limit * 512 }, blocks => SparseBlocks("1.0", (int)blocks)),
    ];

    [TestCaseSource(nameof(Cases))]
    public async Task ReachedAndExceeded(string limit, long value, Func<long, LayerLimits> limits, Func<long, byte[]> layer)
    {
        using var scratch = new LayerScratch("/dev/shm");
        var surroundings = new Surroundings(scratch);
        await scratch.ApplyAsync(layer(value), new() { Limits = limits(value) });
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(layer(value + 1), new() { Limits = limits(value) }))!;
        Assert.That(e, Has.Property("Kind").EqualTo(ErrorKind.ResourceExhausted).And.Property("Subject").EqualTo(limit).And.Message.Contains(limit));
        surroundings.AreUntouched();
    }

    /// <summary>A name is at most as long as file systems take, also one that a whiteout removes.</summary>
    [Test]
    public async Task NamesOfTheLastLength()
    {
        using var scratch = new LayerScratch();
        string[] names = [new string('n', 255), new string('d', 255) + "/" + new string('e', 255), ".wh." + new string('w', 255)];
        await scratch.ApplyAsync(names.Aggregate(new TarBuilder(), (archive, name) => archive.File(name)).ToArray());
        foreach (string name in names)
        {
            ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(new TarBuilder().File(name + "x").ToArray()))!;
            Assert.That(e.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        }
    }

    /// <summary>A layer that expands far more than layers do is stopped, once it is large enough for that to mean something.</summary>
    [Test]
    public async Task ExpansionRatio()
    {
        byte[] bomb = CompressionTests.Gzip(new byte[8 << 20]);
        var limits = new LayerLimits { MaxExpansionRatio = 100, ExpansionRatioFloorBytes = 8 << 20 };
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(bomb, new() { Limits = limits });
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(bomb, new() { Limits = limits with { ExpansionRatioFloorBytes = (8 << 20) - 1 } }))!;
        Assert.That(e, Has.Property("Kind").EqualTo(ErrorKind.ResourceExhausted).And.Property("Subject").EqualTo(nameof(LayerLimits.MaxExpansionRatio)));
    }

    /// <summary>What is as many times larger as it may be passes: a layer that is not compressed is as large as it is.</summary>
    [Test]
    public async Task ExpansionRatioThatIsReached()
    {
        using var scratch = new LayerScratch();
        var limits = new LayerLimits { MaxExpansionRatio = 1, ExpansionRatioFloorBytes = 1 };
        await scratch.ApplyAsync(new TarBuilder().File("f").ToArray(), new() { Limits = limits });
        Assert.That(File.Exists(Path.Join(scratch.Tree, "f")));
    }

    /// <summary>A directory far deeper than any path is long, made of paths through links: it can be removed again, and costs no more than its entries.</summary>
    [Test, CancelAfter(60_000)]
    public async Task DepthThroughLinks()
    {
        const int Steps = 8;
        string step = string.Join('/', Enumerable.Repeat("d", 900));
        var archive = new TarBuilder();
        for (int i = 0; i < Steps; i++)
            archive.Directory(i == 0 ? step : $"l{i - 1}/{step}").SymbolicLink($"l{i}", i == 0 ? step : $"l{i - 1}/{step}");
        using var scratch = new LayerScratch("/dev/shm");
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(archive.ToArray()))!;
        Assert.That(e, Has.Property("Kind").EqualTo(ErrorKind.ResourceExhausted).And.Property("Subject").EqualTo(nameof(LayerLimits.MaxPathDepth)));
        await scratch.ApplyAsync(archive.ToArray(), new() { Limits = new LayerLimits { MaxPathDepth = 900 * Steps } });
        LayerApplyResult result = await scratch.ApplyAsync(new TarBuilder().Whiteout("d").ToArray());
        Assert.That(result.Entries, Is.EqualTo(1));
        Assert.That(Directory.Exists(Path.Join(scratch.Tree, "d")), Is.False);
    }

    /// <summary>Links that lead through links, and up and down, again and again: what an entry may cost has an end.</summary>
    [Test, CancelAfter(60_000)]
    public async Task LinksOfManySteps()
    {
        const int Links = 250;
        string detour = string.Concat(Enumerable.Repeat("d/../", 800));
        TarBuilder archive = new TarBuilder().Directory("d");
        for (int i = 0; i < Links; i++)
            archive.SymbolicLink($"l{i}", i % 5 == 0 ? detour + $"l{i + 1}" : $"l{i + 1}");
        archive.Directory($"l{Links}").SymbolicLink("short", "d/../d");
        using var scratch = new LayerScratch("/dev/shm");
        await scratch.ApplyAsync(archive.ToArray());
        await scratch.ApplyAsync(new TarBuilder().File("short/f").File($"l{Links - 3}/f").ToArray());
        foreach (string entry in (string[])["l0/x", "l1/x/y"])
        {
            ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(new TarBuilder().File(entry).ToArray()))!;
            Assert.That(e.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(e.Message, Does.Contain("too many symbolic links"));
        }
    }

    [Test]
    public void LimitsAreChecked()
    {
        Assert.That(() => new LayerLimits { MaxPathBytes = 4097 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new LayerLimits { MaxEntries = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new LayerLimits { MaxExpandedBytes = -1 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private static TestCaseData Case(string name, string limit, long value, Func<long, LayerLimits> limits, Func<long, byte[]> layer) =>
        new TestCaseData(limit, value, limits, layer).SetArgDisplayNames(name);
}
