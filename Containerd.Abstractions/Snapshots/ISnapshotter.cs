namespace Containerd;

/// <summary>Keeps layered file trees: sealed ones that are built on one another, and writable or read-only ones on top of them.</summary>
/// <remarks>
/// <para><b>The model.</b> A <em>snapshot</em> is a file tree together with the one it is based on, its <em>parent</em>. <see cref="PrepareAsync"/> makes an
/// <em>active</em> snapshot, a writable tree that starts as its parent's content; <see cref="ViewAsync"/> makes a read-only one. Each is known by a
/// <em>key</em> that the caller chooses. <see cref="CommitAsync"/> seals an active snapshot under a <em>name</em>; from then on it can be a parent but never
/// change. Keys and names share one flat space. Nothing else changes a snapshot's kind, and every kind can be removed once nothing is based on it.</para>
/// <para><b>Mounts.</b> A snapshotter gives <see cref="Mount"/> values and mounts nothing itself: the caller mounts them (<see cref="IMounter"/>), writes into
/// them (<see cref="ILayerApplier"/>) or hands them to a container. They can be had again at any time from <see cref="MountsAsync"/>.</para>
/// <para><b>Keys and names</b> are 1 to 512 bytes of UTF-8 without control characters. They never become file names. By convention an unpacked
/// layer is named by its chain ID.</para>
/// <para><b>Atomicity and durability.</b> Each call happens entirely or not at all, for every process that shares the store, also when the
/// process is killed or the call cancelled; what a killed call leaves on disk is reclaimed by <see cref="CleanupAsync"/>. When <see cref="CommitAsync"/>
/// returns, the tree's data and then the name have reached stable storage, unless the implementation was told otherwise.</para>
/// <para><b>Concurrency.</b> Thread-safe; any call may run beside any other, from any process if the implementation's store can be shared. Calls that race
/// for one key or name have one winner, and the others get the error that describes what they find.</para>
/// <para>Source: containerd core/snapshots/snapshotter.go, whose transitions and errors these are.</para>
/// <example>
/// Unpacking a layer on top of another, then a writable tree on top of both:
/// <code>
/// IReadOnlyList&lt;Mount&gt; mounts = await snapshotter.PrepareAsync("extract-1", parent: baseChainId, cancellationToken: ct);
/// LayerApplyResult applied = await applier.ApplyAsync(layer, stream, mounts, cancellationToken: ct);
/// await snapshotter.CommitAsync(chainId, "extract-1", cancellationToken: ct);
/// IReadOnlyList&lt;Mount&gt; rootfs = await snapshotter.PrepareAsync("job-42", parent: chainId, cancellationToken: ct);
/// </code>
/// </example>
/// </remarks>
public interface ISnapshotter
{
    /// <summary>A short stable name of the kind of snapshotter: <c>overlay</c>, <c>native</c>, <c>btrfs</c> …</summary>
    string Name { get; }

    /// <summary>What it can do beyond what all can. Constant for the life of the object.</summary>
    SnapshotterCapabilities Capabilities { get; }

    /// <summary>Makes an active snapshot.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="parent">The committed snapshot it starts from; null for an empty tree whose root directory has mode 0755.</param>
    /// <param name="options">Further wishes; null for none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The mounts that give access to the tree.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the key is taken. -or-
    /// <see cref="ErrorKind.NotFound"/>: no such parent. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the parent is not committed, or the key or a label breaks a rule. -or-
    /// <see cref="ErrorKind.NotSupported"/>: an option needs a capability that this snapshotter lacks. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full.</exception>
    Task<IReadOnlyList<Mount>> PrepareAsync(
        string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Makes a read-only view of a committed snapshot.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="parent">The committed snapshot to look at; null for an empty tree.</param>
    /// <param name="options">Further wishes; null for none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The mounts that give access to the tree, all of them <see cref="Mount.IsReadOnly"/>.</returns>
    /// <exception cref="ContainerdException">As <see cref="PrepareAsync"/>.</exception>
    Task<IReadOnlyList<Mount>> ViewAsync(
        string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The mounts of an active snapshot or view, as when it was made.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such key. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the snapshot is committed.</exception>
    Task<IReadOnlyList<Mount>> MountsAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Seals the active snapshot <paramref name="key"/> under <paramref name="name"/>: in one step the name appears and the key disappears. The caller has
    /// unmounted the tree and writes no more to it.
    /// </summary>
    /// <param name="name">The name, usually a chain ID.</param>
    /// <param name="key">The active snapshot.</param>
    /// <param name="options">Labels, parent and identity of the layer; null for none.</param>
    /// <param name="cancellationToken">Stops the call; the active snapshot then stays as it was.</param>
    /// <returns>The committed snapshot.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken (checked first; the active snapshot stays). -or-
    /// <see cref="ErrorKind.NotFound"/>: no such key, or the parent has vanished. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the key is a view or committed, or the parent is not committed. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: another parent than the one it was prepared on, or a name or label that breaks a rule. -or-
    /// <see cref="ErrorKind.NotSupported"/>: a parent was given and the snapshotter cannot rebase.</exception>
    Task<SnapshotInfo> CommitAsync(
        string name, string key, SnapshotCommitOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes the committed snapshot <paramref name="name"/> out of a layer that the snapshotter has or can get by itself, so that nobody needs to download or
    /// extract it: because another chain contains the same layer, or because the snapshotter fetches layers on demand.
    /// </summary>
    /// <param name="name">The name, usually a chain ID.</param>
    /// <param name="parent">The committed snapshot beneath; null for none.</param>
    /// <param name="diffId">The layer's diff ID.</param>
    /// <param name="labels">Labels of the committed snapshot; null for none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The committed snapshot, or null where the layer must be applied in the ordinary way.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken. -or-
    /// <see cref="ErrorKind.NotFound"/>: no such parent. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the parent is not committed, or a name or label breaks a rule.</exception>
    Task<SnapshotInfo?> AdoptAsync(
        string name, string? parent, Digest diffId, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Removes a snapshot; its key or name can be used again at once. Freeing the space may happen later (<see cref="CleanupAsync"/>). The caller
    /// has unmounted the tree.
    /// </summary>
    /// <param name="key">The key or name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such snapshot. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: another snapshot is based on it.</exception>
    Task RemoveAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Looks a snapshot up.</summary>
    /// <param name="key">The key or name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The snapshot, or null where there is none.</returns>
    Task<SnapshotInfo?> FindAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Changes a snapshot's labels; everything else about it is fixed.</summary>
    /// <param name="key">The key or name.</param>
    /// <param name="labels">The change.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The snapshot afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such snapshot. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: a label breaks a rule.</exception>
    Task<SnapshotInfo> UpdateAsync(string key, LabelUpdate labels, CancellationToken cancellationToken = default);

    /// <summary>
    /// What a snapshot takes on disk, its parents excluded. Measured anew for an active snapshot, as recorded when it was committed for a committed
    /// one, zero for a view.
    /// </summary>
    /// <param name="key">The key or name.</param>
    /// <param name="cancellationToken">Stops the measuring.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such snapshot.</exception>
    Task<SnapshotUsage> UsageAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Lists snapshots, in no particular order. Any other call may be made while the list is read; a snapshot that comes or goes meanwhile may be
    /// in it or not.
    /// </summary>
    /// <param name="filter">Which ones; null for all.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<SnapshotInfo> ListAsync(SnapshotFilter? filter = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Frees what removed snapshots and interrupted calls have left on disk. Never touches what a snapshot or a call in progress, of any process, uses.
    /// </summary>
    /// <param name="cancellationToken">Stops between two trees; the rest stays for the next time.</param>
    Task CleanupAsync(CancellationToken cancellationToken = default);
}
