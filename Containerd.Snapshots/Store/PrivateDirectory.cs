using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>
/// Whether a directory is this process' user's alone. Whoever else may write into it can put devices and set-id programs where containers find them, or have this process
/// unmount or delete what it should not.
/// </summary>
internal static class PrivateDirectory
{
    private const int OthersMayWrite = 0x12; // S_IWGRP | S_IWOTH

    /// <summary>Checks a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="what">What it is, as a message begins.</param>
    /// <param name="path">Its path, for the message.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.PermissionDenied"/>: it is somebody else's, or others may write to it.</exception>
    public static void Check(SafeFileHandle directory, string what, string path)
    {
        int errno = Sys.Status(directory, "", out EntryStatus status);
        if (errno != 0)
            throw Failure("Reading the status of", path, errno);
        if (status.UserId != Sys.EffectiveUserId)
        {
            throw new ContainerdException(
                ErrorKind.PermissionDenied, $"{what} '{Excerpt.Of(path)}' belongs to user {status.UserId}, this process runs as {Sys.EffectiveUserId}: it has to be its user's alone.")
            { Subject = path };
        }
        if ((status.Permissions & OthersMayWrite) != 0)
        {
            throw new ContainerdException(
                ErrorKind.PermissionDenied, $"{what} '{Excerpt.Of(path)}' may be written by others (mode {Convert.ToString(status.Permissions, 8)}); make it 0700 if its content can be trusted.")
            { Subject = path };
        }
    }
}
