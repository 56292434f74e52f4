using System.Text;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What is said when a copy cannot go on.</summary>
internal static class CopyFailure
{
    // A path may be longer than any message: what is between its beginning and its last names is left out then.
    private const int MaxNames = 32;

    public static ContainerdException Changed(string subject, bool isSource, int? errno = null) => new(
        ErrorKind.FailedPrecondition,
        $"Copying '{Excerpt.Of(subject)}': the {(isSource ? "source" : "destination")} was changed by somebody else meanwhile. Copy again when it is left alone.")
    {
        Subject = subject,
        Errno = errno,
    };

    // The kernel has one error for both: openat2 says EXDEV too where a rename took what it found out of the directory it began in.
    public static ContainerdException Mounted(string subject, bool isSource) => new(
        ErrorKind.FailedPrecondition,
        $"Copying {(isSource ? "from" : "to")} '{Excerpt.Of(subject)}': something is mounted there, which is no part of the tree, or it was moved away meanwhile. Unmount it{(isSource ? ", exclude it, or copy it by itself" : "")}.")
    {
        Subject = subject,
        Errno = EXDEV,
    };

    public static ContainerdException InTheWay(string subject, bool isDirectory) => new(
        ErrorKind.FailedPrecondition,
        isDirectory
            ? $"Copying to '{Excerpt.Of(subject)}': a directory stands where something else must go. Remove it, or mirror the source."
            : $"Copying to '{Excerpt.Of(subject)}': a file stands where a directory must go. Remove it, or mirror the source.")
    {
        Subject = subject,
    };

    public static ContainerdException Overlap(string source, string destination) => new(
        ErrorKind.InvalidArgument,
        $"Copying '{Excerpt.Of(source)}' to '{Excerpt.Of(destination)}': one of them lies in the other, or they are the same.")
    {
        Subject = destination,
    };

    public static ContainerdException TooDeep(string subject, int limit) => new(
        ErrorKind.ResourceExhausted, $"Copying '{Excerpt.Of(subject)}': its directories are nested deeper than {limit}.")
    {
        Subject = subject,
    };

    public static ContainerdException CannotHold(string subject, string attribute, FileResult result) => result.ToException(
        ErrorKind.NotSupported,
        $"Copying '{Excerpt.Of(subject)}': the destination's file system cannot hold the extended attribute '{attribute}', without which it would be another file.",
        subject);

    /// <summary>The path of a directory, or of an entry in it.</summary>
    public static string PathOf(string root, DirectoryRef? directory, ReadOnlySpan<byte> terminatedName)
    {
        var names = new List<string>();
        if (!terminatedName.IsEmpty)
            names.Add(Encoding.UTF8.GetString(terminatedName[..^1]));
        for (; directory?.Parent is not null && names.Count < MaxNames; directory = directory.Parent)
            names.Add(Encoding.UTF8.GetString(directory.TerminatedName[..^1]));
        if (directory?.Parent is not null)
            names.Add("…");
        names.Reverse();
        return Path.Join([root, .. names]);
    }
}
