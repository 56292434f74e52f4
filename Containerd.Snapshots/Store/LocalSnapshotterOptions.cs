using System.Collections.Immutable;

namespace Containerd.Snapshots;

/// <summary>How a <see cref="LocalSnapshotter"/> keeps its store.</summary>
public class LocalSnapshotterOptions
{
    /// <summary>The directory of the store; made where it is missing. On a local file system.</summary>
    /// <value>None: it has to be set.</value>
    public string Root { get; set; } = "";

    /// <summary>What power loss may take.</summary>
    /// <value>
    /// <see cref="Durability.Full"/>: nothing that a call reported as done, but what is in an active snapshot, which is flushed when it is committed, not before. An active
    /// snapshot or a view may then be listed whose directory is incomplete or missing: remove it, and prepare it anew.
    /// </value>
    public Durability Durability { get; set; }

    /// <summary>How long a change waits while other processes write to the store without pause, before it fails as <see cref="ErrorKind.Unavailable"/>.</summary>
    /// <value>30 seconds. A transaction takes less than a millisecond besides the flush of the disk.</value>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or longer than an hour.</exception>
    public TimeSpan BusyTimeout
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1));
            field = value;
        }
    } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether the store is only read: one that other processes write to, or one on a read-only medium. Nothing on disk is made or changed. What changes the store
    /// is <see cref="ErrorKind.PermissionDenied"/>; a view can be made all the same, and lasts as long as this object.
    /// </summary>
    /// <remarks>A log of the database that was not merged into it, without its index, cannot be read like that (<see cref="ErrorKind.FailedPrecondition"/>): a copy without <c>metadata.db-shm</c>.</remarks>
    /// <value>False.</value>
    public bool IsReadOnly { get; set; }

    /// <summary>
    /// Whether trees are deleted in the background: what others have left when the store is opened, what is removed soon afterwards. Otherwise
    /// <see cref="ISnapshotter.CleanupAsync"/> alone frees their space.
    /// </summary>
    /// <value>True. It ends when the store is closed; the next one to open the store goes on.</value>
    public bool CleansInBackground { get; set; } = true;

    /// <summary>
    /// Other stores of the same kind of snapshotter, beneath this one: their committed snapshots are found, listed, and can be parents here, as if they were this store's, and are
    /// never changed (L-8). Their owners must not remove what is in use here.
    /// </summary>
    /// <remarks>
    /// Of one name in several stores the first counts, this one's before all, also where it is the parent of another store's snapshot: a name has to mean the same content everywhere, as
    /// chain IDs do. Labels are shown as that store has them, and what lies there is as durable as its owner made it.
    /// </remarks>
    /// <value>Empty.</value>
    public ImmutableArray<string> AdditionalRoots
    {
        get => field.IsDefault ? [] : field;
        set;
    } = [];
}
