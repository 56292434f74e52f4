using System.Collections.Frozen;
using static Containerd.Snapshots.Interop.Sys;

namespace Containerd.Snapshots;

/// <summary>A <see cref="Mount"/> whose options are sorted into what the kernel is told as a flag, as propagation and as data.</summary>
internal sealed class MountRequest
{
    // containerd core/mount/mount_linux.go parseMountOptions (M-5), and nosymfollow, lazytime of mount(8). A cleared flag is the last word as a set one is.
    private static readonly FrozenDictionary<string, (ulong Flag, bool Clear)> Flags = new Dictionary<string, (ulong, bool)>
    {
        ["async"] = (MS_SYNCHRONOUS, true),
        ["atime"] = (MS_NOATIME, true),
        ["bind"] = (MS_BIND, false),
        ["defaults"] = (0, false),
        ["dev"] = (MS_NODEV, true),
        ["diratime"] = (MS_NODIRATIME, true),
        ["dirsync"] = (MS_DIRSYNC, false),
        ["exec"] = (MS_NOEXEC, true),
        ["lazytime"] = (MS_LAZYTIME, false),
        ["mand"] = (MS_MANDLOCK, false),
        ["noatime"] = (MS_NOATIME, false),
        ["nodev"] = (MS_NODEV, false),
        ["nodiratime"] = (MS_NODIRATIME, false),
        ["noexec"] = (MS_NOEXEC, false),
        ["nolazytime"] = (MS_LAZYTIME, true),
        ["nomand"] = (MS_MANDLOCK, true),
        ["norelatime"] = (MS_RELATIME, true),
        ["nostrictatime"] = (MS_STRICTATIME, true),
        ["nosuid"] = (MS_NOSUID, false),
        ["nosymfollow"] = (MS_NOSYMFOLLOW, false),
        ["rbind"] = (MS_BIND | MS_REC, false),
        ["relatime"] = (MS_RELATIME, false),
        ["remount"] = (MS_REMOUNT, false),
        ["ro"] = (MS_RDONLY, false),
        ["rw"] = (MS_RDONLY, true),
        ["strictatime"] = (MS_STRICTATIME, false),
        ["suid"] = (MS_NOSUID, true),
        ["symfollow"] = (MS_NOSYMFOLLOW, true),
        ["sync"] = (MS_SYNCHRONOUS, false),
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, ulong> Propagations = new Dictionary<string, ulong>
    {
        ["shared"] = MS_SHARED,
        ["slave"] = MS_SLAVE,
        ["private"] = MS_PRIVATE,
        ["unbindable"] = MS_UNBINDABLE,
        ["rshared"] = MS_SHARED | MS_REC,
        ["rslave"] = MS_SLAVE | MS_REC,
        ["rprivate"] = MS_PRIVATE | MS_REC,
        ["runbindable"] = MS_UNBINDABLE | MS_REC,
    }.ToFrozenDictionary();

    private MountRequest(Mount mount, ulong flags, ulong propagation, List<string> data)
    {
        Mount = mount;
        Flag = flags;
        PropagationAndScope = propagation;
        Data = data;
    }

    public Mount Mount { get; }

    /// <summary>MS_* flags, those of <see cref="PropagationAndScope"/> excluded.</summary>
    public ulong Flag { get; }

    /// <summary>Zero, or one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC for the whole tree.</summary>
    public ulong PropagationAndScope { get; }

    /// <summary>The options that are the file system's own, in order; of an overlay without its directories.</summary>
    public IReadOnlyList<string> Data { get; private init; }

    /// <summary>The directories, where this is an overlay.</summary>
    public OverlayMount? Overlay { get; private init; }

    public bool IsBind => (Flag & MS_BIND) != 0;

    public bool IsRecursiveBind => IsBind && (Flag & MS_REC) != 0;

    public bool IsRemount => (Flag & MS_REMOUNT) != 0;

    /// <summary>Whether the mount goes onto the root of the tree.</summary>
    public bool IsRoot => Mount.Target.AsSpan().Trim('/').IsEmpty || Mount.Target is ".";

    /// <summary>The flags that belong to one mount, rather than to the file system it shows.</summary>
    public ulong MountFlags => Flag & (
        MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_NOSYMFOLLOW);

    public static List<MountRequest> ParseAll(IReadOnlyList<Mount> mounts)
    {
        ArgumentNullException.ThrowIfNull(mounts);
        var requests = new List<MountRequest>(mounts.Count);
        foreach (Mount mount in mounts)
        {
            ArgumentNullException.ThrowIfNull(mount, nameof(mounts));
            requests.Add(Parse(mount));
        }
        if (requests.Count > 1 && requests.Find(request => request.IsRemount) is { } remount)
            throw Refusal(remount.Mount, ErrorKind.InvalidArgument, "a remount cannot be undone, so it is made by itself, not among other mounts");
        return requests;
    }

    private static MountRequest Parse(Mount mount)
    {
        if (mount.Type.StartsWith("fuse.", StringComparison.Ordinal) || mount.Type.StartsWith("fuse3.", StringComparison.Ordinal))
            throw Refusal(mount, ErrorKind.NotSupported, "mounts by FUSE helper programs are not supported by this version");
        if (mount.Type.Contains('/', StringComparison.Ordinal))
            throw Refusal(mount, ErrorKind.NotSupported, "a type with a prefix has to be transformed before it is mounted");

        ulong flags = mount.Type == "bind" ? MS_BIND : 0, propagation = 0;
        var data = new List<string>();
        foreach (string option in mount.SplitOptions())
        {
            if (Flags.TryGetValue(option, out (ulong Flag, bool Clear) known))
                flags = known.Clear ? flags & ~known.Flag : flags | known.Flag;
            else if (Propagations.TryGetValue(option, out ulong scope))
                propagation = scope;
            else if (option.StartsWith("X-containerd.", StringComparison.Ordinal)) // M-6
                throw Refusal(mount, ErrorKind.NotSupported, $"option '{Excerpt.Of(option)}' is for a component that should have consumed it before mounting");
            else if (IsNamed(option, "uidmap") || IsNamed(option, "gidmap"))
                throw Refusal(mount, ErrorKind.NotSupported, "ID-mapped mounts are not supported by this version");
            else if (IsNamed(option, "loop") || option is "direct-io")
                throw Refusal(mount, ErrorKind.NotSupported, "loop devices are not supported by this version; attach the image to one and mount that");
            else
                data.Add(option);
        }

        if ((flags & MS_BIND) != 0)
        {
            if (data.Count > 0)
                throw Refusal(mount, ErrorKind.InvalidArgument, $"a bind mount has no option '{Excerpt.Of(data[0])}'");
            return new MountRequest(mount, flags, propagation, data);
        }
        if (mount.Type != "overlay" || (flags & MS_REMOUNT) != 0)
            return new MountRequest(mount, flags, propagation, data);
        if (!OverlayMount.TryParse(mount, out OverlayMount? overlay))
            throw Refusal(mount, ErrorKind.InvalidArgument, "an overlay needs a lowerdir, and upperdir and workdir together or neither");
        return new MountRequest(mount, flags, propagation, data)
        {
            Overlay = overlay,
            Data = [.. data.Where(option => !(IsNamed(option, "lowerdir") || IsNamed(option, "upperdir") || IsNamed(option, "workdir")))],
        };
    }

    private static bool IsNamed(string option, string name) =>
        option.StartsWith(name, StringComparison.Ordinal) && (option.Length == name.Length || option[name.Length] == '=');

    private static ContainerdException Refusal(Mount mount, ErrorKind kind, string reason) =>
        new(kind, $"Mounting {MountFailure.Describe(mount)}: {reason}.") { Subject = mount.Source };
}
