using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Sparse files in the four forms that archives have for them, right and wrong ones.</summary>
[RequiresRoot]
public sealed class SparseFormatTests
{
    private static readonly string[] Versions = ["old", "0.0", "0.1", "1.0"];

    /// <summary>Pieces at both ends, touching each other, empty, and far more than fit into one header: content, size and holes are right.</summary>
    [Test]
    public async Task PiecesAndHoles([ValueSource(nameof(Versions))] string version)
    {
        (long Offset, string Data)[][] files =
        [
            [],
            [(0, "start"), (5, "next"), (4 << 20, "far"), ((8 << 20) - 3, "end")],
            [(100, ""), (100, "x"), (8 << 20, "")],
            [.. Enumerable.Range(0, 120).Select(i => (i * 65_536L, $"piece {i}"))],
        ];
        var archive = new TarBuilder();
        for (int i = 0; i < files.Length; i++)
            Sparse(archive, version, $"f{i}", 8 << 20, files[i]).File($"behind{i}", "b");
        using var scratch = new LayerScratch("/dev/shm");
        await scratch.ApplyAsync(archive.ToArray());
        for (int i = 0; i < files.Length; i++)
        {
            byte[] expected = new byte[8 << 20];
            foreach ((long offset, string data) in files[i])
                Encoding.ASCII.GetBytes(data).CopyTo(expected, (int)offset);
            Assert.That(File.ReadAllBytes(Path.Join(scratch.Tree, $"f{i}")).AsSpan().SequenceEqual(expected), $"{i}");
            Assert.That(File.ReadAllText(Path.Join(scratch.Tree, $"behind{i}")), Is.EqualTo("b"));
        }
        Assert.That(int.Parse(scratch.Shell("du -sk tree | cut -f1")), Is.LessThan(1000));
    }

    /// <summary>Pieces that overlap, go back, lie beyond the end or are not what is stored; a size that is missing.</summary>
    [Test]
    public void MapsThatDoNotFit([ValueSource(nameof(Versions))] string version)
    {
        Refuses(Sparse(new(), version, "f", 100, (10, "abc"), (12, "def")));
        Refuses(Sparse(new(), version, "f", 100, (50, "abc"), (10, "def")));
        Refuses(Sparse(new(), version, "f", 12, (10, "abc")));
        Refuses(Sparse(new(), version, "f", 100, (101, "")));
        Refuses(Sparse(new(), version, "f", 100, (8_000_000_000, "a")));
    }

    [TestCase("GNU.sparse.map", "0,1,")]
    [TestCase("GNU.sparse.map", "0")]
    [TestCase("GNU.sparse.map", "0,1,0")]
    [TestCase("GNU.sparse.map", "0,-1")]
    [TestCase("GNU.sparse.map", "0,1,9223372036854775807,9223372036854775807")]
    [TestCase("GNU.sparse.map", ",")]
    [TestCase("GNU.sparse.numbytes", "1")]
    [TestCase("GNU.sparse.major", "2")]
    [TestCase("GNU.sparse.major", "1")]
    [TestCase("GNU.sparse.realsize", "-1")]
    public void WrongRecords(string key, string value) => Refuses(new TarBuilder().Pax('x', ("GNU.sparse.size", "10"), (key, value)).File("f", "x"));

    [TestCase("")]
    [TestCase("x\n")]
    [TestCase("1\n0\n")]
    [TestCase("1\n0\n1")]
    [TestCase("1\n\n0\n1\n")]
    [TestCase("1 0 1 ")]
    [TestCase("999999999999999999\n0\n1\n")]
    [TestCase("9999999999999999999999\n0\n1\n")]
    [TestCase("-1\n")]
    [TestCase("2\n0\n1\n0\n0\n")]
    public void WrongMapsInTheData(string map) => Refuses(new TarBuilder()
        .Pax('x', ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "100"), ("GNU.sparse.name", "f"))
        .File("f", map.PadRight(TarBuilder.BlockLength, '\0') + "x"));

    /// <summary>A directory or a link has no sparse map.</summary>
    [Test]
    public void OnlyFilesAreSparse()
    {
        Refuses(new TarBuilder().Pax('x', ("GNU.sparse.size", "10"), ("GNU.sparse.map", "0,0")).Directory("d"));
        Refuses(new TarBuilder().Pax('x', ("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "10")).SymbolicLink("l", "x"));
    }

    private static TarBuilder Sparse(TarBuilder archive, string version, string name, long size, params (long Offset, string Data)[] pieces) =>
        version == "old" ? archive.OldSparse(name, size, pieces) : archive.PaxSparse(version, name, size, pieces);

    private static void Refuses(TarBuilder archive)
    {
        using var scratch = new LayerScratch();
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(archive.ToArray()))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.DataCorrupted), e.Message);
    }
}
