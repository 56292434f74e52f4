using System.Collections.Frozen;
using static Containerd.Snapshots.Interop.Sys;

namespace Containerd.Snapshots;

/// <summary>The words of mount options that stand for flags of mount(2).</summary>
internal static class MountWords
{
    // containerd core/mount/mount_linux.go parseMountOptions (M-5), and nosymfollow, lazytime of mount(8). A cleared flag is the last word as a set one is.
    public static readonly FrozenDictionary<string, (ulong Flag, bool Clear)> Flags = new Dictionary<string, (ulong, bool)>
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

    public static readonly FrozenDictionary<string, ulong> Propagations = new Dictionary<string, ulong>
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
}
