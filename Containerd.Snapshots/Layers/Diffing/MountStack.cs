using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The directories that a tree's only mount is made of, topmost first.</summary>
/// <param name="Directories">The directories.</param>
/// <param name="Overlay">The overlay; null for a bind.</param>
internal sealed record MountStack(IReadOnlyList<string> Directories, OverlayMount? Overlay)
{
    private static readonly Lazy<bool> IndexesByDefault = new(() => ReadParameter("index") || ReadParameter("nfs_export"));

    /// <summary>Takes mounts apart; null where they are not one overlay or one bind. Nothing is the empty stack.</summary>
    public static MountStack? Of(IReadOnlyList<Mount> mounts)
    {
        if (mounts.Count == 0)
            return new MountStack([], null);
        if (mounts is not [{ } mount] || mount.Target.Trim('/').Length > 0)
            return null;
        if (OverlayMount.TryParse(mount, out OverlayMount? overlay))
            return new MountStack(overlay.UpperDirectory is { } upper ? [upper, .. overlay.LowerDirectories] : overlay.LowerDirectories, overlay);
        return mount.Type is "bind" or "rbind" || mount.SplitOptions().Any(option => option is "bind" or "rbind")
            ? new MountStack([mount.Source], null)
            : null;
    }

    /// <summary>Whether all changes from a tree to this one are in the topmost directory of this overlay .</summary>
    public bool IsOneAbove(MountStack lower)
    {
        if (Overlay is null || KeepsIndex(Overlay) || (lower.Overlay is not null && UsesUserXattr(lower.Overlay) != UsesUserXattr(Overlay)))
            return false;
        List<FileIdentity> beneath = Identities(Directories.Skip(1));
        return beneath.SequenceEqual(Identities(lower.Directories));
    }

    public static bool UsesUserXattr(OverlayMount overlay) => overlay.Options.Contains("userxattr");

    /// <summary>Opens one of the directories.</summary>
    public static SafeFileHandle Open(string directory) =>
        Sys.TryOpen(null, directory, Sys.ReadDirectory, out int errno) ?? throw Failure("Opening the directory of a tree to be compared,", directory, errno);

    // By what they are, since one may have several paths. Empty ones, which fill up overlays that would have too few, show and hide nothing.
    private static List<FileIdentity> Identities(IEnumerable<string> directories)
    {
        var identities = new List<FileIdentity>();
        foreach (string path in directories)
        {
            using SafeFileHandle directory = Open(path);
            int errno = Sys.Status(directory, "\0"u8, out EntryStatus status);
            if (errno != 0)
                throw Failure("Looking at", path, errno);
            var names = new DirectoryNames();
            names.Add(directory, path);
            if (!names.Current.IsEmpty)
                identities.Add(new FileIdentity(status.Device, status.Inode));
        }
        return identities;
    }

    // With an index the names of a file that has several change together, also those that the upper directory does not have.
    public static bool KeepsIndex(OverlayMount overlay)
    {
        if (overlay.Options.Contains("index=on") || overlay.Options.Contains("nfs_export=on"))
            return true;
        return overlay.UpperDirectory is not null && !overlay.Options.Contains("index=off") && IndexesByDefault.Value;
    }

    private static bool ReadParameter(string name)
    {
        string file = $"/sys/module/overlay/parameters/{name}";
        return File.Exists(file) && File.ReadAllText(file).StartsWith('Y');
    }
}
