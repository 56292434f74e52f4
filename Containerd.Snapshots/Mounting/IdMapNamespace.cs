using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>User namespaces that nobody lives in: the kernel takes the map of an ID-mapped mount in this form.</summary>
internal static class IdMapNamespace
{
    private const int EUSERS = 87;

    /// <summary>A namespace with the map of a mount. The process that was needed to make it is gone when this returns.</summary>
    public static SafeFileHandle Open(Mount mount, IdMap map)
    {
        using UserNamespaceProcess process = UserNamespaceProcess.TryStart(out int errno) ?? throw Refusal(mount, "making a user namespace", errno);
        Write("uid_map", IdMap.Lines(map.Users));
        // As nobody will be in the namespace nobody can call it; without the right to set groups the kernel asks for this before it takes a map of groups.
        Write("setgroups", "deny");
        Write("gid_map", IdMap.Lines(map.Groups));
        return Sys.TryOpen(null, $"{process.Directory}/ns/user", LibC.O_RDONLY, out errno) ?? throw Refusal(mount, "opening its user namespace", errno);

        void Write(string file, string text)
        {
            using SafeFileHandle? handle = Sys.TryOpen(null, $"{process.Directory}/{file}", LibC.O_WRONLY, out int error);
            if (handle is not null)
                error = Sys.WriteAtOnce(handle, Encoding.ASCII.GetBytes(text));
            if (error != 0)
                throw Refusal(mount, $"writing {file}", error);
        }
    }

    private static ContainerdException Refusal(Mount mount, string step, int errno)
    {
        string advice = errno switch
        {
            EPERM or EACCES =>
                " It needs CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_SETFCAP, and every host ID of the map in the user namespace it is made in."
                + " kernel.apparmor_restrict_unprivileged_userns and kernel.unprivileged_userns_clone can forbid it to programs without privilege.",
            ENOSPC or EUSERS => " user.max_user_namespaces bounds their number, and 32 how deep they nest.",
            EINVAL => " The kernel has no user namespaces, or refuses the map.",
            _ => "",
        };
        ErrorKind kind = errno is ENOSPC or EUSERS ? ErrorKind.ResourceExhausted : KindOf(errno);
        return new ContainerdException(kind, $"Mounting {MountFailure.Describe(mount)} with mapped IDs: {step} failed: {Describe(errno)}.{advice}")
        {
            Subject = mount.Source,
            Errno = errno,
        };
    }
}
