using System.Globalization;
using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>A snapshot with some thousand files changed in it: those of a real image, in the upper directory of an overlay.</summary>
internal sealed class ChangedTree : IAsyncDisposable
{
    /// <summary>How many files were changed.</summary>
    public const int Files = 10_000;

    private const string LargestFile = "64k";

    private readonly OverlaySnapshotter _snapshotter;

    private ChangedTree(OverlaySnapshotter snapshotter, IReadOnlyList<Mount> lower, IReadOnlyList<Mount> upper) =>
        (_snapshotter, Lower, Upper) = (snapshotter, lower, upper);

    /// <summary>The tree before.</summary>
    public IReadOnlyList<Mount> Lower { get; }

    /// <summary>The tree after.</summary>
    public IReadOnlyList<Mount> Upper { get; }

    /// <summary>The directory that the changes are in.</summary>
    public string UpperDirectory => OverlayMount.TryParse(Upper[0], out OverlayMount? overlay)
        ? overlay.UpperDirectory!
        : throw new InvalidOperationException($"'{Upper[0]}' is no overlay.");

    public static async Task<ChangedTree> MakeAsync(Bench bench, DevelopmentImage image, CancellationToken cancellationToken)
    {
        string source = bench.Workspace.NewDirectory("source");
        foreach (string layer in image.Layers)
            await Tool.RunAsync("tar", ["--extract", "--gzip", "--file", layer, "--numeric-owner", "--keep-directory-symlink", "--directory", source], cancellationToken);

        var snapshotter = new OverlaySnapshotter(bench.Workspace.NewDirectory("changed"));
        await snapshotter.PrepareAsync("base", cancellationToken: cancellationToken);
        await snapshotter.CommitAsync("before", "base", cancellationToken: cancellationToken);
        var tree = new ChangedTree(
            snapshotter,
            await snapshotter.ViewAsync("lower", "before", cancellationToken: cancellationToken),
            await snapshotter.PrepareAsync("upper", "before", cancellationToken: cancellationToken));
        // In the order of their names, so that it is always the same ones.
        await Tool.RunAsync(
            "bash",
            [
                "-c", "set -eo pipefail; cd \"$0\"; find usr -type f -size -\"$3\" -print0 | LC_ALL=C sort -z | awk -v RS='\\0' -v ORS='\\0' -v most=\"$2\" 'NR <= most' >../list; "
                    + "tar --create --null --files-from=../list | tar --extract --numeric-owner --directory \"$1\"",
                source, tree.UpperDirectory, Files.ToString(CultureInfo.InvariantCulture), LargestFile,
            ],
            cancellationToken);
        await Workspace.RemoveAsync(source);
        return tree;
    }

    public ValueTask DisposeAsync() => _snapshotter.DisposeAsync();
}
