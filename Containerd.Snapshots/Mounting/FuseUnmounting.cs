namespace Containerd.Snapshots;

/// <summary>Unmounts a FUSE file system for whoever mounted it and lacks the privilege to unmount (M-14): the program that has it looks whose it is.</summary>
internal static class FuseUnmounting
{
    private static readonly string[] Programs = ["fusermount3", "fusermount"];
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    /// <summary>Whether the topmost mount on a path is FUSE. Asked of the mount table: the file system itself may hang.</summary>
    public static bool IsFuse(string path) =>
        MountTable.Read().Entries.LastOrDefault(entry => entry.Path == path).Type is { } type && (type is "fuse" or "fuseblk" || type.StartsWith("fuse.", StringComparison.Ordinal));

    /// <returns>What went wrong; null when it is unmounted.</returns>
    public static string? Unmount(string path, bool lazily)
    {
        string problem = "neither fusermount3 nor fusermount is installed";
        foreach (string program in Programs.Select(HelperProgram.Find).OfType<string>())
        {
            (int? exitCode, string error) = HelperProgram.Run(program, lazily ? ["-u", "-z", "--", path] : ["-u", "--", path], TimeLimit);
            if (exitCode == 0)
                return null;
            problem = $"{program}: {Excerpt.OfMessage(error)}";
        }
        return problem;
    }
}
