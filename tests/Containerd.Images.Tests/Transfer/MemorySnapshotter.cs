using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Containerd.Images.Tests;

/// <summary>Snapshots that are only names: the transitions of <see cref="ISnapshotter"/> without trees.</summary>
internal sealed class MemorySnapshotter : ISnapshotter
{
    public ConcurrentDictionary<string, SnapshotInfo> Snapshots { get; } = new();

    public HashSet<Digest> Adoptable { get; } = [];

    /// <summary>Removals fail, so that an extraction that fails leaves what a killed one does.</summary>
    public bool RefusesRemoval { get; set; }

    public string Name => "memory";

    public SnapshotterCapabilities Capabilities => SnapshotterCapabilities.None;

    public Task<IReadOnlyList<Mount>> PrepareAsync(string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (parent is not null && !Snapshots.ContainsKey(parent))
            throw new ContainerdException(ErrorKind.NotFound, parent);
        Add(key, parent, SnapshotKind.Active);
        return Task.FromResult<IReadOnlyList<Mount>>([]);
    }

    public Task<IReadOnlyList<Mount>> ViewAsync(string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<Mount>> MountsAsync(string key, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<SnapshotInfo> CommitAsync(string name, string key, SnapshotCommitOptions? options = null, CancellationToken cancellationToken = default)
    {
        SnapshotInfo committed = Add(name, Snapshots[key].Parent, SnapshotKind.Committed);
        Snapshots.TryRemove(key, out _);
        return Task.FromResult(committed);
    }

    public Task<SnapshotInfo?> AdoptAsync(string name, string? parent, Digest diffId, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default) =>
        Task.FromResult(Adoptable.Contains(diffId) ? Add(name, parent, SnapshotKind.Committed) : null);

    public Task RemoveAsync(string key, CancellationToken cancellationToken = default) =>
        RefusesRemoval ? throw new ContainerdException(ErrorKind.Unavailable, key)
        : Snapshots.TryRemove(key, out _) ? Task.CompletedTask : throw new ContainerdException(ErrorKind.NotFound, key);

    public Task<SnapshotInfo?> FindAsync(string key, CancellationToken cancellationToken = default) => Task.FromResult(Snapshots.GetValueOrDefault(key));

    public Task<SnapshotInfo> UpdateAsync(string key, LabelUpdate labels, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<SnapshotUsage> UsageAsync(string key, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public async IAsyncEnumerable<SnapshotInfo> ListAsync(SnapshotFilter? filter = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        foreach (SnapshotInfo snapshot in Snapshots.Values)
            yield return snapshot;
    }

    public Task CleanupAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    private SnapshotInfo Add(string name, string? parent, SnapshotKind kind)
    {
        var snapshot = new SnapshotInfo { Name = name, Parent = parent, Kind = kind, CreatedAt = DateTimeOffset.UnixEpoch, UpdatedAt = DateTimeOffset.UnixEpoch };
        return Snapshots.TryAdd(name, snapshot) ? snapshot : throw new ContainerdException(ErrorKind.AlreadyExists, name);
    }
}
