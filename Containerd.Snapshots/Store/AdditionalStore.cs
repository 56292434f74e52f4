using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Another store, opened to read only, whose committed snapshots lie beneath those of this one (L-8).</summary>
internal sealed class AdditionalStore : IDisposable
{
    private readonly StoreRoot _root;
    private readonly MetadataStore _metadata;

    private AdditionalStore(StoreRoot root, MetadataStore metadata)
    {
        _root = root;
        _metadata = metadata;
    }

    public string Path => _root.Path;

    public static AdditionalStore Open(string path, TreeDriver driver, TimeProvider timeProvider, ILogger logger)
    {
        MetadataStore? metadata = null;
        StoreRoot root = StoreRoot.OpenReadOnly(
            path, driver, (opened, isImmutable) => metadata = MetadataStore.OpenReadOnly(opened.MetadataFile, isImmutable, timeProvider, logger));
        return new AdditionalStore(root, metadata!);
    }

    /// <summary>A committed snapshot; null where there is none of that name.</summary>
    public SnapshotRecord? Find(string name) =>
        _metadata.Read(connection => SnapshotTable.Find(connection, name)) is { Kind: SnapshotKind.Committed } record ? record : null;

    /// <summary>A committed snapshot and all beneath it, topmost first; empty where there is none of that name.</summary>
    public List<SnapshotRecord> FindChain(string name) => _metadata.ReadConsistent(connection =>
    {
        var chain = new List<SnapshotRecord>();
        for (string? next = name; next is not null && SnapshotTable.Find(connection, next) is { Kind: SnapshotKind.Committed } record; next = record.Info.Parent)
        {
            chain.Add(record);
            SnapshotTable.CheckDepth(name, chain.Count);
        }
        return chain;
    });

    public List<SnapshotRecord> List(string after, int count, string? parent) =>
        _metadata.Read(connection => SnapshotTable.List(connection, after, count, SnapshotKind.Committed, parent));

    /// <summary>The tree of a layer, which may lie over others or not; null where there is none.</summary>
    public CommittedTree? FindShared(string diffId, bool overParent) => _metadata.Read(connection => SnapshotTable.FindShared(connection, diffId, overParent));

    public void Dispose()
    {
        _metadata.Dispose();
        _root.Dispose();
    }
}
