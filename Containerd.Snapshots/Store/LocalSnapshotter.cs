using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Snapshots;

/// <summary>A snapshotter with a store in a directory of this machine: what <see cref="OverlaySnapshotter"/>, <see cref="NativeSnapshotter"/> and <see cref="BtrfsSnapshotter"/> share.</summary>
/// <remarks>
/// <para>The rules of <see cref="ISnapshotter"/>, with these particulars.</para>
/// <para><b>Many processes.</b> Any number of objects in any processes may have one root open. Changes are transactions of a database; a directory is made
/// before the row that names it, and goes after. What a process has begun is protected by a lock that ends with it, never by a time.</para>
/// <para><b>Crashes.</b> A process killed at any instant leaves a store that opens and is whole, with garbage at most: the next to open the store deletes it in the background
/// (<see cref="LocalSnapshotterOptions.CleansInBackground"/>), as does <see cref="CleanupAsync(CancellationToken)"/>. <see cref="VerifyAsync"/> compares the store with what is on disk;
/// <see cref="RepairAsync"/> mends what it can.</para>
/// <para><b>Durability.</b> As <see cref="LocalSnapshotterOptions.Durability"/> says. The order is always: the tree, then the metadata.</para>
/// <para><b>Threads.</b> Look-ups read the database on the caller's thread, in microseconds; a list filtered by parent reads all of it, in some dozen milliseconds where there are a
/// hundred thousand snapshots. What changes something, or walks a tree, runs on the thread
/// pool, since it makes calls that block for the disk, brief work on the caller's own thread where that is one of the pool; waiting for other writers blocks no thread.</para>
/// <para>Needs Linux 5.6 and a root directory that is the process' user's alone. It cannot be derived from: other snapshotters implement <see cref="ISnapshotter"/>.</para>
/// </remarks>
public abstract partial class LocalSnapshotter : ISnapshotter, IAsyncDisposable, IDisposable
{
    private readonly TreeDriver _driver;
    private readonly StoreRoot _root;
    private readonly MetadataStore _metadata;
    private readonly StorePlaces _places;
    private readonly StoreOwner? _owner;
    private readonly TreeIds? _ids;
    private readonly List<AdditionalStore> _additional = [];
    private readonly bool _isReadOnly;
    private readonly bool _flushes;
    private readonly TimeSpan _busyTimeout;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;

    private protected LocalSnapshotter(TreeDriver driver, LocalSnapshotterOptions options, ILoggerFactory? loggerFactory, TimeProvider? timeProvider, string? writableRoot = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(options.Root, nameof(options));
        _driver = driver;
        _timeProvider = timeProvider ?? TimeProvider.System;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger(GetType());
        _flushes = options.Durability == Durability.Full;
        _busyTimeout = options.BusyTimeout;
        _isReadOnly = options.IsReadOnly;

        MetadataStore? metadata = null;
        StorePlaces? places = null;
        StoreOwner? owner = null;
        StoreRoot? opened = null;
        try
        {
            _root = opened = _isReadOnly
                ? StoreRoot.OpenReadOnly(options.Root, driver, (root, isImmutable) =>
                    metadata = MetadataStore.OpenReadOnly(root.MetadataFile, isImmutable, _timeProvider, _logger))
                : StoreRoot.Open(options.Root, driver, _timeProvider, root =>
                    metadata = MetadataStore.Open(root.MetadataFile, !root.HasTrees, options.Durability, options.BusyTimeout, _timeProvider, _logger));
            _metadata = metadata!;
            _places = places = new StorePlaces(_root.Trees);
            foreach (string additional in options.AdditionalRoots)
            {
                if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(additional)) == _root.Path)
                    throw new ContainerdException(ErrorKind.InvalidArgument, $"The store '{Excerpt.Of(_root.Path)}' cannot lie beneath itself.") { Subject = additional };
                _additional.Add(AdditionalStore.Open(additional, driver, _timeProvider, _logger));
            }
            if (!_isReadOnly)
            {
                _owner = owner = StoreOwner.Register(_root);
                _ids = new TreeIds(_metadata, owner.Name);
                owner.Probe(driver.Probe);
                if (writableRoot is not null)
                    places.UseForWritable(writableRoot, _metadata, owner.Name, driver);
            }
        }
        catch
        {
            owner?.Dispose();
            places?.Dispose();
            metadata?.Dispose();
            _additional.ForEach(store => store.Dispose());
            opened?.Dispose();
            throw;
        }
        LogOpened(driver.Name, _root.Path, options.Durability);
        _cleaner = !_isReadOnly && options.CleansInBackground ? new BackgroundCleaner(this) : null;
    }

    /// <inheritdoc/>
    public string Name => _driver.Name;

    /// <inheritdoc/>
    public SnapshotterCapabilities Capabilities => _driver.Capabilities;

    /// <summary>The directory of the store.</summary>
    public string Root => _root.Path;

    /// <summary>Told when a step of a change is on disk. For tests.</summary>
    internal Action<StoreStep>? Reached { get; set; }

    /// <summary>Closes the store; snapshots stay as they are. Idempotent. Calls in progress end with <see cref="ObjectDisposedException"/> or have their effect.</summary>
    public void Dispose()
    {
        _cleaner?.Dispose();
        _metadata.Dispose();
        _owner?.Dispose();
        _places.Dispose();
        _additional.ForEach(store => store.Dispose());
        _root.Dispose();
        _views.Clear();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private ContainerdException Missing(string what, string name) =>
        new(ErrorKind.NotFound, $"No {what} '{Excerpt.Of(name)}' in the {_driver.Name} snapshotter.") { Subject = name };

    private ContainerdException Taken(string name) =>
        new(ErrorKind.AlreadyExists, $"A snapshot '{Excerpt.Of(name)}' exists already in the {_driver.Name} snapshotter.") { Subject = name };

    private static string Describe(SnapshotKind kind) => kind switch
    {
        SnapshotKind.View => "a view",
        SnapshotKind.Active => "active",
        _ => "committed",
    };

    private void CheckWritable(string doing, string subject)
    {
        if (_isReadOnly)
        {
            throw new ContainerdException(ErrorKind.PermissionDenied, $"{doing} '{Excerpt.Of(subject)}': the store '{Excerpt.Of(_root.Path)}' was opened to read only.") { Subject = subject };
        }
    }
}
