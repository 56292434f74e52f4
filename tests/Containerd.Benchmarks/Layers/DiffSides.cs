using System.Globalization;
using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>Everybody's way from changed files to a compressed layer, all with the same level of gzip.</summary>
internal static class DiffSides
{
    private const int Level = 6;

    public static Side Ours(Bench bench, ChangedTree tree)
    {
        var differ = new TarLayerDiffer(mounter: new LinuxMounter());
        return Of("ours", bench, async (file, token) =>
        {
            await using FileStream destination = File.Create(file);
            await differ.DiffAsync(tree.Lower, tree.Upper, destination, new LayerDiffOptions { CompressionLevel = Level }, cancellationToken: token);
        });
    }

    public static Side TarAndGzip(Bench bench, ChangedTree tree) => Of("tar and gzip", bench, (file, token) =>
        Tool.RunAsync(
            "bash",
            [
                "-c", "set -o pipefail; tar --create --numeric-owner --format=pax --directory \"$0\" . | gzip -\"$2\" >\"$1\"",
                tree.UpperDirectory, file, Level.ToString(CultureInfo.InvariantCulture),
            ],
            token));

    private static Side Of(string name, Bench bench, Func<string, CancellationToken, Task> run)
    {
        string directory = "", file = "";
        return new Side(name)
        {
            SetUp = _ =>
            {
                directory = bench.Workspace.NewDirectory("diff");
                file = Path.Join(directory, "layer.tar.gz");
                return Task.CompletedTask;
            },
            Run = token => run(file, token),
            Verify = async token =>
            {
                string names = await Tool.RunAsync("tar", ["--list", "--gzip", "--file", file], token);
                int files = names.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(entry => !entry.EndsWith('/'));
                if (files != ChangedTree.Files)
                    throw new InvalidOperationException($"The layer of {name} has {files} files of {ChangedTree.Files}.");
            },
            Measures = [new Measure("size of the layer, MiB", () => new FileInfo(file).Length / (double)(1 << 20))],
            CleanUp = () => Workspace.RemoveAsync(directory),
        };
    }
}
