using System.Diagnostics;
using System.Text;

namespace Containerd.Snapshots.Tests;

/// <summary>A directory to apply layers in, removed with all it holds.</summary>
internal sealed class LayerScratch : IDisposable
{
    public LayerScratch(string? parent = null)
    {
        Root = Directory.CreateDirectory(Path.Join(parent ?? Path.GetTempPath(), $"layer-{Guid.NewGuid():n}")).FullName;
        Tree = Directory.CreateDirectory(Path.Join(Root, "tree")).FullName;
    }

    public string Root { get; }

    public string Tree { get; }

    public Task<LayerApplyResult> ApplyAsync(byte[] layer, TarLayerApplierOptions? options = null) => ApplyAsync(new MemoryStream(layer), options);

    public Task<LayerApplyResult> ApplyAsync(Stream layer, TarLayerApplierOptions? options = null, CancellationToken cancellationToken = default)
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = 0 };
        return new TarLayerApplier(options).ApplyAsync(descriptor, layer, [Mount.Bind(Tree)], cancellationToken: cancellationToken);
    }

    /// <summary>Runs a program in the scratch directory and gives what it printed.</summary>
    public byte[] Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        using Process process = Process.Start(start)!;
        using var output = new MemoryStream();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        string message = errors.GetAwaiter().GetResult();
        Assert.That(process.ExitCode, Is.Zero, $"{program}: {message}");
        return output.ToArray();
    }

    public string Shell(string script) => Encoding.Latin1.GetString(Run("bash", "-ec", script));

    public void Dispose()
    {
        try
        {
            Directory.Delete(Root, recursive: true);
        }
        catch (IOException)
        {
            Run("rm", "-rf", "--one-file-system", Root); // the BCL cannot delete names that are not UTF-8
        }
    }
}
