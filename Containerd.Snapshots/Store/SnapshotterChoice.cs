using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Finds out which snapshotter works in a directory, and opens the best.</summary>
public static partial class SnapshotterChoice
{
    /// <summary>The names of the snapshotters of this package, the best first: <c>overlay</c>, <c>btrfs</c>, <c>native</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["overlay", "btrfs", "native"];

    /// <summary>Tries each snapshotter out in a directory.</summary>
    /// <remarks>
    /// A small tree is made beneath the directory, mounted detached where the snapshotter needs that, and deleted again. What keeps one from working: a file system that
    /// overlay cannot use as upper layer (another overlay, a network file system, xfs without <c>ftype=1</c>), a kernel without overlay, a user
    /// namespace that may not mount it or mark files for it, a file system other than btrfs, one that keeps no owners, no set-user-ID bit, no hard or no
    /// symbolic links, a missing privilege. Whether devices can be made is not tried for native: few images have any.
    /// </remarks>
    /// <param name="root">The directory that the store would be in. Where it is missing, what is there of its path is tried.</param>
    /// <param name="options">The options that overlay would be given; null for none.</param>
    /// <returns>One for each of <see cref="Names"/>, in that order.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.PermissionDenied"/>: nothing can be made in the directory. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: its disk is full.</exception>
    public static IReadOnlyList<SnapshotterSupport> Probe(string root, OverlaySnapshotterOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(root);
        string existing = Path.GetFullPath(root);
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        options ??= new OverlaySnapshotterOptions { Root = root };
        return [.. new TreeDriver[] { OverlayDriver.Create(options, null), new BtrfsDriver(), new NativeDriver() }.Select(driver => Try(driver, existing))];
    }

    /// <summary>Opens the store in a directory with the snapshotter that it was made with; makes a store with the best that works there, and logs the choice with its reasons.</summary>
    /// <param name="options">Where and how. What only overlay knows is not heeded by the others, but for <see cref="OverlaySnapshotterOptions.WritableRoot"/>: only overlay is chosen then.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: none works there; the message has the reason of each. -or- as of
    /// <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public static LocalSnapshotter Open(OverlaySnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(options.Root, nameof(options));
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger(typeof(SnapshotterChoice).FullName!);
        if (StoreFormat.SnapshotterOf(Path.GetFullPath(options.Root)) is { } made && Names.Contains(made))
        {
            LogFound(logger, options.Root, made);
            return Open(made, options, loggerFactory, timeProvider);
        }
        if (options.IsReadOnly)
            return Open(Names[0], options, loggerFactory, timeProvider); // which says that there is no store, and makes nothing to find that out
        IReadOnlyList<SnapshotterSupport> support = Probe(options.Root, options);
        IEnumerable<SnapshotterSupport> candidates = options.WritableRoot is null ? support : support.Where(one => one.Name == "overlay");
        string reasons = string.Join(' ', support.Where(one => !one.IsSupported).Select(one => $"{one.Name}: {one.Reason}"));
        if (candidates.FirstOrDefault(one => one.IsSupported) is not { } best)
            throw new ContainerdException(ErrorKind.NotSupported, $"No snapshotter works in '{Excerpt.Of(options.Root)}'. {reasons}") { Subject = options.Root };
        LogChosen(logger, best.Name, options.Root, reasons.Length == 0 ? "everything works" : reasons);
        return Open(best.Name, options, loggerFactory, timeProvider);
    }

    /// <summary>Opens the store in a directory, or makes it, with a snapshotter by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="options">Where and how. What only overlay knows is not heeded by the others.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no snapshotter of that name in this package. -or- as of
    /// <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public static LocalSnapshotter Open(string name, OverlaySnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null) => name switch
    {
        "overlay" => new OverlaySnapshotter(options, loggerFactory, timeProvider),
        "btrfs" => new BtrfsSnapshotter(options, loggerFactory, timeProvider),
        "native" => new NativeSnapshotter(options, loggerFactory, timeProvider),
        _ => throw new ContainerdException(ErrorKind.NotFound, $"There is no snapshotter '{Excerpt.Of(name)}'; there are {string.Join(", ", Names)}.") { Subject = name },
    };

    private static SnapshotterSupport Try(TreeDriver driver, string directory)
    {
        using SafeFileHandle parent = Interop.Sys.TryOpen(null, directory, Interop.Sys.ReadDirectoryOnly, out int errno) ?? throw Interop.Failure("Opening", directory, errno);
        using var place = ProbeDirectory.Make(parent, directory, driver.Name);
        try
        {
            place.Try(driver);
            return new SnapshotterSupport(driver.Name, null);
        }
        catch (ContainerdException e) when (e.Kind != ErrorKind.ResourceExhausted) // which says nothing of how it is when there is room again
        {
            return new SnapshotterSupport(driver.Name, e.Message);
        }
    }

    [LoggerMessage(EventId = 3021, Level = LogLevel.Debug, Message = "The store '{Root}' was made by the {Snapshotter} snapshotter")]
    private static partial void LogFound(ILogger logger, string root, string snapshotter);

    [LoggerMessage(EventId = 3022, Level = LogLevel.Information, Message = "Chose the {Snapshotter} snapshotter for '{Root}': {Reasons}")]
    private static partial void LogChosen(ILogger logger, string snapshotter, string root, string reasons);
}
