namespace Containerd.Images.Tests;

/// <summary>A snapshotter with one thing or another taken away from it.</summary>
internal sealed class WrappedSnapshotter(ISnapshotter inner) : ISnapshotter
{
    public string Name => inner.Name;

    public SnapshotterCapabilities Capabilities { get; init; } = inner.Capabilities;

    /// <summary>Commits are told to have been made, but are not.</summary>
    public bool ForgetsCommits { get; init; }

    public Task<IReadOnlyList<Mount>> PrepareAsync(string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default) =>
        inner.PrepareAsync(key, parent, options, cancellationToken);

    public Task<IReadOnlyList<Mount>> ViewAsync(string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default) =>
        inner.ViewAsync(key, parent, options, cancellationToken);

    public Task<IReadOnlyList<Mount>> MountsAsync(string key, CancellationToken cancellationToken = default) => inner.MountsAsync(key, cancellationToken);

    public Task<SnapshotInfo> CommitAsync(string name, string key, SnapshotCommitOptions? options = null, CancellationToken cancellationToken = default) => ForgetsCommits
        ? Task.FromResult(new SnapshotInfo { Name = name, Kind = SnapshotKind.Committed, CreatedAt = default, UpdatedAt = default })
        : inner.CommitAsync(name, key, options, cancellationToken);

    public Task<SnapshotInfo?> AdoptAsync(
        string name, string? parent, Digest diffId, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default) =>
        inner.AdoptAsync(name, parent, diffId, labels, cancellationToken);

    public Task RemoveAsync(string key, CancellationToken cancellationToken = default) => inner.RemoveAsync(key, cancellationToken);

    public Task<SnapshotInfo?> FindAsync(string key, CancellationToken cancellationToken = default) => inner.FindAsync(key, cancellationToken);

    public Task<SnapshotInfo> UpdateAsync(string key, LabelUpdate labels, CancellationToken cancellationToken = default) => inner.UpdateAsync(key, labels, cancellationToken);

    public Task<SnapshotUsage> UsageAsync(string key, CancellationToken cancellationToken = default) => inner.UsageAsync(key, cancellationToken);

    public IAsyncEnumerable<SnapshotInfo> ListAsync(SnapshotFilter? filter = null, CancellationToken cancellationToken = default) => inner.ListAsync(filter, cancellationToken);

    public Task CleanupAsync(CancellationToken cancellationToken = default) => inner.CleanupAsync(cancellationToken);
}
