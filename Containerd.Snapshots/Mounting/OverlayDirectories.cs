using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Opens the directories of an overlay: as they are, or through clones of their mounts with mapped IDs (M-11).</summary>
/// <remarks>
/// The kernel maps the IDs of an overlay's directories, not of the overlay. The lower ones get one read-only clone, of the deepest directory above all of them
/// (containerd#12048: a mount for each is slow); where that is <c>/</c>, or they do not all lie in one mount beneath it, each gets its own. The upper and
/// the work directory get one of the directory above both, as they have to lie in the same mount.
/// </remarks>
internal sealed class OverlayDirectories : IDisposable
{
    private static readonly Version TakesDetachedDirectories = new(6, 15);

    private readonly Mount _mount;
    private readonly Dictionary<string, (SafeFileHandle Clone, string Path)> _mapped = [];
    private readonly List<SafeFileHandle> _clones = [];
    private TemporaryTree? _places;

    private OverlayDirectories(Mount mount) => _mount = mount;

    /// <summary>Whether the directories are not those that their paths lead to.</summary>
    public bool AreMapped => _clones.Count > 0;

    /// <summary>Makes an overlay with its directories open.</summary>
    public static T Use<T>(MountRequest request, MountSettings settings, Func<OverlayDirectories, T> make)
    {
        if (request.IdMap is null || !settings.Limits.AttachesLayers)
        {
            try
            {
                using OverlayDirectories detached = Open(request, attachTo: null);
                return make(detached);
            }
            catch (ContainerdException e) when (e.Errno == EINVAL && request.IdMap is not null && Environment.OSVersion.Version < TakesDetachedDirectories)
            {
                // What a kernel says that does not take directories of detached mounts, among other things. One that may take them all the same was asked first.
            }
        }
        using OverlayDirectories attached = Open(request, settings.Temporary);
        return make(attached);
    }

    /// <summary>Who an overlay has to be made as.</summary>
    /// <remarks>
    /// Overlay makes copies, whiteouts and its work directory as whoever mounted it, and can make none through a map that lacks that user: it would silently be
    /// mounted read-only. As the user that 0 is shown as it makes them 0's on disk.
    /// </remarks>
    public FileIds? CreatorOf(MountRequest request) => AreMapped && request.Overlay?.UpperDirectory is not null ? request.IdMap!.Root : null;

    // Clones are attached while the overlay is being made, or left detached, which the kernel takes from Linux 6.15 on.
    private static OverlayDirectories Open(MountRequest request, TemporaryMounts? attachTo)
    {
        var directories = new OverlayDirectories(request.Mount);
        if (request.IdMap is null)
            return directories;
        try
        {
            using SafeFileHandle userNamespace = IdMapNamespace.Open(request.Mount, request.IdMap);
            OverlayMount overlay = request.Overlay!;
            if (!directories.TryMapTogether("lowerdir", overlay.LowerDirectories, userNamespace, readOnly: true))
                directories.MapEach("lowerdir", overlay.LowerDirectories, userNamespace);
            if (overlay.UpperDirectory is { } upper && overlay.WorkDirectory is { } work
                && !directories.TryMapTogether("upperdir", [upper, work], userNamespace, readOnly: false))
            {
                throw new ContainerdException(
                    ErrorKind.InvalidArgument,
                    $"Mounting {MountFailure.Describe(request.Mount)}: upperdir '{Excerpt.Of(upper)}' and workdir '{Excerpt.Of(work)}' have no directory other than / above both, in the same mount; with mapped IDs they need one.")
                { Subject = upper };
            }
            if (attachTo is not null)
                directories.Attach(attachTo);
            return directories;
        }
        catch
        {
            directories.Dispose();
            throw;
        }
    }

    public SafeFileHandle Open(string option, string path) => _mapped.TryGetValue(path, out (SafeFileHandle Clone, string Path) place)
        ? OpenBeneath(place.Clone, place.Path, out int errno) ?? throw MountFailure.MissingDirectory(_mount, option, path, errno)
        : MountPlace.OpenDirectory(_mount, option, path);

    public void Dispose()
    {
        _clones.ForEach(clone => clone.Dispose());
        _places?.Dispose();
    }

    private bool TryMapTogether(string option, IReadOnlyList<string> paths, SafeFileHandle userNamespace, bool readOnly)
    {
        var opened = new List<SafeFileHandle>();
        try
        {
            foreach (string path in paths)
                opened.Add(MountPlace.OpenDirectory(_mount, option, path));
            // As the kernel names them: no links and no dots are left, which a prefix would not survive.
            string[] real = [.. opened.Select(directory => new FileInfo(Sys.PathOf(directory)).LinkTarget ?? "")];
            string common = CommonDirectory(real);
            if (common.Length <= 1)
                return false;

            using SafeFileHandle? above = Sys.TryOpen(null, common, Sys.PathOnly | Tmds.Linux.LibC.O_DIRECTORY, out _);
            // The names may lie: in another root, or since a rename. A clone of one mount has to show the very directories that were meant.
            if (above is null || !opened.Select((directory, i) => IsBeneath(above, Beneath(i), directory)).All(same => same))
                return false;
            SafeFileHandle clone = IdMappedMount.Clone(_mount, above, userNamespace, readOnly);
            _clones.Add(clone);
            for (int i = 0; i < paths.Count; i++)
                _mapped[paths[i]] = (clone, Beneath(i));
            return true;

            string Beneath(int i) => real[i].Length == common.Length ? "." : real[i][(common.Length + 1)..];
        }
        finally
        {
            opened.ForEach(directory => directory.Dispose());
        }
    }

    private void MapEach(string option, IReadOnlyList<string> paths, SafeFileHandle userNamespace)
    {
        foreach (string path in paths.Distinct())
        {
            using SafeFileHandle directory = MountPlace.OpenDirectory(_mount, option, path);
            _clones.Add(IdMappedMount.Clone(_mount, directory, userNamespace, readOnly: true));
            _mapped[path] = (_clones[^1], ".");
        }
    }

    private void Attach(TemporaryMounts temporary)
    {
        _places = temporary.NewTree();
        foreach (SafeFileHandle clone in _clones)
        {
            using SafeFileHandle place = MountPlace.OpenTarget(_places.NewPlace());
            int errno = Sys.AttachMount(clone, place);
            if (errno != 0)
                throw MountFailure.Of(_mount, "attaching its directories for the kernel to find (move_mount)", errno);
        }
    }

    private static bool IsBeneath(SafeFileHandle above, string path, SafeFileHandle directory)
    {
        using SafeFileHandle? found = OpenBeneath(above, path, out _);
        return found is not null
            && Sys.Status(found, "", out EntryStatus there) == 0 && Sys.Status(directory, "", out EntryStatus meant) == 0
            && (there.Device, there.Inode) == (meant.Device, meant.Inode);
    }

    private static SafeFileHandle? OpenBeneath(SafeFileHandle above, string path, out int errno) => Sys.TryOpenConfined(
        above, path, Sys.PathOnly | Tmds.Linux.LibC.O_DIRECTORY, Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_XDEV | Sys.RESOLVE_NO_SYMLINKS, out errno);

    // The deepest directory that all paths are in or are.
    private static string CommonDirectory(string[] paths)
    {
        string[] common = paths[0].Split('/');
        foreach (string path in paths.Skip(1))
            common = [.. common.Zip(path.Split('/')).TakeWhile(pair => pair.First == pair.Second).Select(pair => pair.First)];
        return string.Join('/', common);
    }
}
