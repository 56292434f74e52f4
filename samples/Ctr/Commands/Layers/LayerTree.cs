using Containerd;

namespace Ctr.Commands;

/// <summary>A tree that the command line names, to be read: a directory, a snapshot of any kind, or nothing.</summary>
internal sealed class LayerTree : IAsyncDisposable
{
    private readonly ISnapshotter? _snapshotter;
    private readonly string? _view;

    private LayerTree(IReadOnlyList<Mount> mounts, ISnapshotter? snapshotter = null, string? view = null) => (Mounts, _snapshotter, _view) = (mounts, snapshotter, view);

    public IReadOnlyList<Mount> Mounts { get; }

    /// <summary>Opens a tree. A committed snapshot is looked at through a view that ends with it.</summary>
    /// <exception cref="FormatException">It is nothing, where that may not be.</exception>
    /// <exception cref="ContainerdException">No such snapshot.</exception>
    public static async Task<LayerTree> OpenAsync(Func<ISnapshotter> snapshots, string name, bool mayBeNothing, CancellationToken cancellationToken)
    {
        if (name == "-")
            return mayBeNothing ? new LayerTree([]) : throw new FormatException("There is no layer of nothing: '-' can only be LOWER.");
        if (name.Contains('/', StringComparison.Ordinal))
            return new LayerTree([Mount.Bind(Path.GetFullPath(name), readOnly: true)]);
        ISnapshotter snapshotter = snapshots();
        SnapshotInfo snapshot = await snapshotter.GetAsync(name, cancellationToken);
        if (snapshot.Kind != SnapshotKind.Committed)
            return new LayerTree(await snapshotter.MountsAsync(name, cancellationToken));
        string view = $"diff-{Guid.NewGuid():n}";
        return new LayerTree(await snapshotter.ViewAsync(view, name, cancellationToken: cancellationToken), snapshotter, view);
    }

    public async ValueTask DisposeAsync()
    {
        if (_view is not null)
            await _snapshotter!.RemoveAsync(_view, CancellationToken.None);
    }
}
