using System.Diagnostics;

namespace Containerd.Conformance;

public abstract partial class LayerApplierConformance
{
    /// <summary>Entry types that no tree has are refused rather than left out .</summary>
    /// <param name="type">The type flag.</param>
    [TestCase('D')]
    [TestCase('M')]
    [TestCase('V')]
    [TestCase('N')]
    [TestCase('Z')]
    [TestCase('8')]
    public Task UnknownTypes(char type) => RefusesAsync(ErrorKind.NotSupported, new TarBuilder().File("f").Entry(type, "g"u8, default, default));

    /// <summary>A global header is no entry .</summary>
    [Test]
    public async Task GlobalHeadersAreNoEntries()
    {
        byte[] archive = new TarBuilder()
            .Entry('g', "pax_global_header"u8, default, TarBuilder.PaxRecords([("comment", "0123456789"u8.ToArray())])).File("f").ToArray();
        (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(archive);
        Assert.That(tree.Select(file => file.ToString()), Is.EqualTo((string[])["f="]));
        Assert.That(result.Entries, Is.EqualTo(1));
    }

    /// <summary>An archive may end without its two blocks of zeros, or without the padding behind the last content, as it may for Go's archive/tar.</summary>
    [Test]
    public async Task ArchivesWithoutTheirEnd()
    {
        byte[] archive = new TarBuilder().File("f", "x").ToArrayWithoutEnd();
        foreach (byte[] cut in (byte[][])[archive, archive[..513], [.. archive, .. new byte[512]]])
        {
            (IReadOnlyList<TreeFile> tree, LayerApplyResult result) = await ApplyAsync(cut);
            Assert.That(tree.Single().ToString(), Is.EqualTo("f=x"));
            Assert.That(result, Has.Property("Size").EqualTo(cut.Length).And.Property("DiffId").EqualTo(Digest.Sha256(cut)));
        }
    }

    /// <summary>A media type that is no layer's is refused before anything is read .</summary>
    [Test]
    public void MediaTypesThatAreNoLayer()
    {
        var descriptor = new Descriptor { MediaType = "application/vnd.oci.image.config.v1+json", Digest = Digest.Sha256([]), Size = 0 };
        Assert.That(
            Assert.ThrowsAsync<ContainerdException>(() => CreateApplier().ApplyAsync(descriptor, Stream.Null, NextMounts()))!.Kind,
            Is.EqualTo(ErrorKind.NotSupported));
    }

    /// <summary>An exception of the stream itself comes through as it is.</summary>
    [Test]
    public void ExceptionsOfTheStream() =>
        Assert.That(async () => await ApplyLayerAsync(new BrokenStream(), 1), Throws.InstanceOf<IOException>().With.Message.EqualTo("the network is gone"));

    private static string Output(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, Environment = { ["TZ"] = "UTC", ["LC_ALL"] = "C" } })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
        return output;
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("the network is gone");
    }
}
