using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A tree as its mounts show it, mounted read-only and detached when it is first needed.</summary>
internal sealed class ReadOnlyView(IReadOnlyList<Mount> mounts, IMounter? mounter) : IDisposable
{
    private IDetachedMount? _mounted;
    private SafeFileHandle? _root;

    /// <summary>The root of the mounted tree.</summary>
    public SafeFileHandle Root => _root ??= Open();

    public void Dispose()
    {
        _root?.Dispose();
        _mounted?.Dispose();
    }

    private SafeFileHandle Open()
    {
        if (mounter is null)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                "Cannot compare the trees: one of them has to be mounted for that, and this differ was made without a mounter.")
            { Subject = mounts[0].Source };
        }
        _mounted ??= mounter.MountDetached([.. mounts.Select(ToReadOnly)]);
        return Sys.TryOpen(null, _mounted.Path, Sys.ReadDirectory, out int errno) ?? throw Failure("Opening the mounted tree", mounts[0].Source, errno);
    }

    /// <summary>The same mount without the right to write.</summary>
    /// <remarks>
    /// The upper directory of an overlay becomes the topmost lower one: it may be in use by a container. With an index it stays what it is, since no other
    /// mount shows what the index knows; then it must not be in use. Mapped IDs go, since a layer has those on disk.
    /// </remarks>
    internal static Mount ToReadOnly(Mount mount)
    {
        ImmutableArray<string> options = [.. mount.SplitOptions().Where(option => !IsMap(option))];
        if (!OverlayMount.TryParse(mount with { Options = options }, out OverlayMount? overlay))
            return mount with { Options = [.. options.Where(option => option is not ("ro" or "rw")), "ro"] };
        if (MountStack.KeepsIndex(overlay))
            return (overlay with { Options = [.. overlay.Options.Where(option => option is not ("ro" or "rw" or "volatile")), "ro"] }).ToMount() with { Target = mount.Target };
        return new OverlayMount
        {
            LowerDirectories = overlay.UpperDirectory is { } upper ? [upper, .. overlay.LowerDirectories] : overlay.LowerDirectories,
            Options = [.. overlay.Options.Where(option => !IsForWriting(option)), "ro"],
        }.ToMount() with { Target = mount.Target };
    }

    private static bool IsMap(string option) => option.StartsWith("uidmap=", StringComparison.Ordinal) || option.StartsWith("gidmap=", StringComparison.Ordinal);

    private static bool IsForWriting(string option) =>
        option is "ro" or "rw" or "volatile" or "uuid=on" || option.StartsWith("index=", StringComparison.Ordinal) || option.StartsWith("nfs_export=", StringComparison.Ordinal);
}
