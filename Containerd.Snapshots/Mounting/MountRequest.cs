using System.Collections.Immutable;
using static Containerd.Snapshots.Interop.Sys;

namespace Containerd.Snapshots;

/// <summary>A <see cref="Mount"/> whose options are sorted into what the kernel is told as a flag, as propagation and as data.</summary>
internal sealed class MountRequest
{
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

    /// <summary>The flags that any word sets or clears.</summary>
    public ulong NamedFlags { get; private init; }

    /// <summary>Zero, or one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC for the whole tree.</summary>
    public ulong PropagationAndScope { get; }

    /// <summary>The options that are the file system's own, in order; of an overlay without its directories.</summary>
    public IReadOnlyList<string> Data { get; private init; }

    /// <summary>The directories, where this is an overlay.</summary>
    public OverlayMount? Overlay { get; private init; }

    /// <summary>How owners are shown; null where as they are on disk.</summary>
    public IdMap? IdMap { get; private init; }

    /// <summary>Whether the source is an image file, to be attached to a loop device.</summary>
    public bool IsLoop { get; private init; }

    /// <summary>Whether the loop device reads and writes the image past the page cache.</summary>
    public bool IsDirectIo { get; private init; }

    /// <summary>The helper that mounts it, where this is a FUSE file system with one.</summary>
    public FuseHelper? FuseHelper { get; private init; }

    /// <summary>What the helper is told, which sorts flags from options itself.</summary>
    public IReadOnlyList<string> HelperOptions => [.. Options(Mount).Where(option =>
        !(MountWords.Propagations.ContainsKey(option) || IsNamed(option, "uidmap") || IsNamed(option, "gidmap")))];

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
        if (mount.Type.Contains('/', StringComparison.Ordinal))
            throw Refusal(mount, ErrorKind.NotSupported, "a type with a prefix has to be transformed before it is mounted");

        ulong flags = mount.Type == "bind" ? MS_BIND : 0, named = 0, propagation = 0;
        bool loop = false, directIo = false;
        string? users = null, groups = null;
        var data = new List<string>();
        foreach (string option in Options(mount))
        {
            if (MountWords.Flags.TryGetValue(option, out (ulong Flag, bool Clear) known))
            {
                flags = known.Clear ? flags & ~known.Flag : flags | known.Flag;
                named |= known.Flag;
            }
            else if (MountWords.Propagations.TryGetValue(option, out ulong scope))
                propagation = scope;
            else if (option.StartsWith("X-containerd.", StringComparison.Ordinal)) // M-6
                throw Refusal(mount, ErrorKind.NotSupported, $"option '{Excerpt.Of(option)}' is for a component that should have consumed it before mounting");
            else if (IsNamed(option, "uidmap"))
                users = option["uidmap".Length..];
            else if (IsNamed(option, "gidmap"))
                groups = option["gidmap".Length..];
            else if (option is "loop")
                loop = true;
            else if (IsNamed(option, "loop"))
                throw Refusal(mount, ErrorKind.NotSupported, $"option '{Excerpt.Of(option)}' names a loop device; 'loop' takes a free one");
            else if (option is "direct-io")
                directIo = true;
            else
                data.Add(option);
        }

        // Of these nothing can be written, and a device that cannot be written is not mounted otherwise.
        if (loop && mount.Type is ("erofs" or "squashfs"))
            flags |= MS_RDONLY;
        if (directIo && !loop)
            throw Refusal(mount, ErrorKind.InvalidArgument, "option 'direct-io' is one of a loop device, it needs 'loop'");
        var request = new MountRequest(mount, flags, propagation, data)
        {
            NamedFlags = named,
            IdMap = IdMapOf(mount, users, groups),
            IsLoop = loop,
            IsDirectIo = directIo,
            FuseHelper = FuseHelper.Of(mount),
        };
        if ((flags & MS_REMOUNT) != 0)
        {
            return request.IdMap is null && !loop && request.FuseHelper is null
                ? request
                : throw Refusal(mount, ErrorKind.InvalidArgument, "a remount changes flags and options; it takes no 'uidmap', 'gidmap' or 'loop', and no helper program");
        }
        if (request.IsBind)
        {
            if (data.Count > 0 || loop || request.FuseHelper is not null)
                throw Refusal(mount, ErrorKind.InvalidArgument, $"a bind mount has no option '{Excerpt.Of(loop ? "loop" : data.FirstOrDefault("bind of a helper program"))}'");
            return request;
        }
        return mount.Type == "overlay" ? request.WithDirectories() : request;
    }

    private MountRequest WithDirectories()
    {
        if (!OverlayMount.TryParse(Mount, out OverlayMount? overlay))
            throw Refusal(Mount, ErrorKind.InvalidArgument, "an overlay needs a lowerdir, and upperdir and workdir together or neither");
        if (IsLoop)
            throw Refusal(Mount, ErrorKind.InvalidArgument, "an overlay has no option 'loop'");
        return new MountRequest(
            Mount, Flag, PropagationAndScope, [.. Data.Where(option => !(IsNamed(option, "lowerdir") || IsNamed(option, "upperdir") || IsNamed(option, "workdir")))])
        {
            Overlay = overlay,
            IdMap = IdMap,
        };
    }

    // Ranges are separated as options are. In the element that a map begins, what has a colon and no equals sign continues it: no option looks like that.
    private static IEnumerable<string> Options(Mount mount)
    {
        foreach (string element in mount.Options)
        {
            string? map = null;
            foreach (string option in (mount with { Options = [element] }).SplitOptions())
            {
                if (map is not null && option.Contains(':', StringComparison.Ordinal) && !option.Contains('=', StringComparison.Ordinal))
                {
                    map += "," + option;
                    continue;
                }
                if (map is not null)
                    yield return map;
                map = IsNamed(option, "uidmap") || IsNamed(option, "gidmap") ? option : null;
                if (map is null)
                    yield return option;
            }
            if (map is not null)
                yield return map;
        }
    }

    private static IdMap? IdMapOf(Mount mount, string? users, string? groups)
    {
        if (users is null && groups is null)
            return null;
        if (users is null || groups is null)
            throw Refusal(mount, ErrorKind.InvalidArgument, $"option '{(users is null ? "gidmap" : "uidmap")}' needs '{(users is null ? "uidmap" : "gidmap")}' too");
        return new IdMap(Ranges("uidmap", users), Ranges("gidmap", groups));

        ImmutableArray<IdMapping> Ranges(string option, string text) => IdMap.TryParse(text.Length > 0 ? text[1..] : text, out ImmutableArray<IdMapping> map, out string? problem)
            ? map
            : throw Refusal(mount, ErrorKind.InvalidArgument, $"option '{option}': {problem}");
    }

    private static bool IsNamed(string option, string name) =>
        option.StartsWith(name, StringComparison.Ordinal) && (option.Length == name.Length || option[name.Length] == '=');

    private static ContainerdException Refusal(Mount mount, ErrorKind kind, string reason) =>
        new(kind, $"Mounting {MountFailure.Describe(mount)}: {reason}.") { Subject = mount.Source };
}
