using System.Globalization;
using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>Copying trees.</summary>
internal static class CopyComparisons
{
    private const int FilesInDirectory = 100;
    private const int Large = 1 << 30, Small = 1 << 20;

    // A reflink takes as long as its file has extents, of which a large one has a few.
    private const double MostForLarge = 2;

    private static readonly FileTreeCopier Copier = new();

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await CompareSmallFilesAsync(bench, cancellationToken);
        await using ReflinkFileSystem xfs = await ReflinkFileSystem.MountAsync(bench, cancellationToken);
        Side small = xfs.Copy("ours, a file of 1 MiB", Small);
        await bench.CompareAsync(
            new Comparison(
                "copy", "reflink a file of 1 GiB on xfs", [xfs.Copy("ours, a file of 1 GiB", Large), small, xfs.Cp("cp --reflink, a file of 1 GiB", Large)],
                new Dictionary<string, double> { [small.Name] = MostForLarge }),
            cancellationToken);
    }

    private static async Task CompareSmallFilesAsync(Bench bench, CancellationToken cancellationToken)
    {
        string source = bench.Workspace.NewDirectory("small");
        var random = new Random(1);
        byte[] content = new byte[4096];
        for (int i = 0; i < bench.Files; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string directory = Path.Join(source, (i / FilesInDirectory).ToString(CultureInfo.InvariantCulture));
            if (i % FilesInDirectory == 0)
                Directory.CreateDirectory(directory);
            random.NextBytes(content);
            await File.WriteAllBytesAsync(Path.Join(directory, $"file{i}"), content[..random.Next(content.Length)], cancellationToken);
        }
        int entries = bench.Files + (bench.Files + FilesInDirectory - 1) / FilesInDirectory;
        Side ours = Of("ours", bench, source, entries, (target, token) => Copier.CopyAsync(source, target, cancellationToken: token));
        Side cp = Of("cp -a", bench, source, entries, (target, token) => Tool.RunAsync("cp", ["-a", source + "/.", target], token));
        await bench.CompareAsync(
            new Comparison("copy", $"copy {bench.Files:N0} small files", [ours, cp], new Dictionary<string, double> { [cp.Name] = 1 / 1.5 }), cancellationToken);
        await Workspace.RemoveAsync(source);
    }

    private static Side Of(string name, Bench bench, string source, int entries, Func<string, CancellationToken, Task> run)
    {
        string target = "";
        return new Side(name)
        {
            SetUp = _ =>
            {
                target = bench.Workspace.NewDirectory("copy");
                return Task.CompletedTask;
            },
            Run = token => run(target, token),
            Verify = async token =>
            {
                int found = Directory.EnumerateFileSystemEntries(target, "*", SearchOption.AllDirectories).Count();
                if (found != entries || await Tool.UsageAsync(target, token) != await Tool.UsageAsync(source, token))
                    throw new InvalidOperationException($"{name} made {found} entries of {entries}, or not all of what is in them.");
            },
            CleanUp = () => Workspace.RemoveAsync(target),
        };
    }
}
