using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Snapshots;

/// <summary>Snapshots as directories that overlayfs stacks: preparing and committing copy nothing.</summary>
/// <remarks>
/// <para>The rules of <see cref="ISnapshotter"/>, with these particulars.</para>
/// <para><b>Mounts.</b> Without a parent, a bind of one directory; a view of a single layer, a read-only bind of it; otherwise one overlay: work and upper
/// directory where it is writable, the layers topmost first, <see cref="OverlaySnapshotterOptions.MountOptions"/>, <c>userxattr</c> in a user namespace,
/// <c>index=off</c> where the kernel knows it. <see cref="SnapshotOptions.MaxBytes"/> is not heeded.</para>
/// <para><b>Layers are kept once.</b> A tree committed with a diff ID as independent of its parent serves every chain that contains the layer:
/// <see cref="AdoptAsync"/> finds it, and of two that are committed for one diff ID the later is dropped for the earlier. Bottom layers are shared among
/// themselves, and layers on top of others: only the latter keep what the layer deletes.</para>
/// <para><b>Many processes.</b> Any number of objects in any processes may have one root open. Changes are transactions of a database; a directory is made
/// before the row that names it, and goes after. What a process has begun is protected by a lock that ends with it, never by a time.</para>
/// <para><b>Durability.</b> As <see cref="OverlaySnapshotterOptions.Durability"/> says. The order is always: the tree, then the metadata.</para>
/// <para><b>Threads.</b> Look-ups read the database on the caller's thread, in microseconds. What changes something, or walks a tree, runs on the thread
/// pool, since it makes calls that block for the disk; waiting for other writers blocks no thread.</para>
/// <para>Needs Linux 5.6, root or CAP_SYS_ADMIN and CAP_CHOWN in a user namespace, and a root directory that is the process' user's alone.</para>
/// <para>Source: containerd plugins/snapshots/overlay/overlay.go.</para>
/// </remarks>
public sealed partial class OverlaySnapshotter : ISnapshotter, IAsyncDisposable, IDisposable
{
    private readonly StoreRoot _root;
    private readonly MetadataStore _metadata;
    private readonly StoreOwner _owner;
    private readonly TreeIds _ids;
    private readonly TreeStore _trees;
    private readonly OverlayMounts _mounts;
    private readonly bool _flushes;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;

    /// <summary>Opens the store in a directory, or makes it, with default options.</summary>
    /// <param name="root">The directory.</param>
    /// <exception cref="ContainerdException">As the other constructor.</exception>
    public OverlaySnapshotter(string root)
        : this(new OverlaySnapshotterOptions { Root = root })
    {
    }

    /// <summary>Opens the store in a directory, or makes it.</summary>
    /// <param name="options">Where and how; copied.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ArgumentException">No root is given.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: overlay does not work there, with the reason; or the store has a format or
    /// schema of another version, both of which the message names. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the directory is another component's, or holds files but no store. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: the format file or the database is damaged; the message names the file. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: the directory is somebody else's or may be written by its group or others, or this process may not mount. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another process has been opening the store for 30 seconds. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full.
    /// Except for the last, a directory that is no store of this version is not touched.</exception>
    public OverlaySnapshotter(OverlaySnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(options.Root, nameof(options));
        _timeProvider = timeProvider ?? TimeProvider.System;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<OverlaySnapshotter>();
        _flushes = options.Durability == Durability.Full;

        MetadataStore? metadata = null;
        StoreOwner? owner = null;
        _root = StoreRoot.Open(options.Root, _timeProvider, root =>
            metadata = MetadataStore.Open(root.MetadataFile, options.Durability, options.BusyTimeout, _timeProvider, _logger));
        try
        {
            _metadata = metadata!;
            _owner = owner = StoreOwner.Register(_root);
            _ids = new TreeIds(_metadata, owner.Name);
            _trees = new TreeStore(_root);
            ImmutableArray<string> mountOptions = OverlayEnvironment.OptionsFor(_root.Path, options.MountOptions);
            _mounts = new OverlayMounts(_trees, mountOptions);
            owner.Probe(directory => OverlayEnvironment.Probe(new LinuxMounter(timeProvider: _timeProvider), directory, mountOptions));
        }
        catch
        {
            owner?.Dispose();
            metadata?.Dispose();
            _root.Dispose();
            throw;
        }
        LogOpened(_root.Path, options.Durability);
    }

    /// <inheritdoc/>
    public string Name => "overlay";

    /// <summary>None.</summary>
    public SnapshotterCapabilities Capabilities => SnapshotterCapabilities.None;

    /// <summary>Told when a step of a change is on disk. For tests.</summary>
    internal Action<StoreStep>? Reached { get; set; }

    /// <summary>Closes the store; snapshots stay as they are. Idempotent. Calls in progress end with <see cref="ObjectDisposedException"/> or have their effect.</summary>
    public void Dispose()
    {
        _metadata.Dispose();
        _ids.Dispose();
        _owner.Dispose();
        _root.Dispose();
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
