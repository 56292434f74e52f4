namespace Containerd.Snapshots;

/// <summary>The program that mounts a FUSE file system, which is served by a program too (M-13).</summary>
/// <param name="Programs">The helper's names; the first that is installed is taken.</param>
/// <param name="Type">The file system's own name, which the helper runs.</param>
internal sealed record FuseHelper(IReadOnlyList<string> Programs, string Type)
{
    private const int ShellFoundNothing = 127;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(30);

    /// <summary>The helper of a mount; null where its type has none.</summary>
    public static FuseHelper? Of(Mount mount)
    {
        if (mount.Type.StartsWith("fuse3.", StringComparison.Ordinal))
            return new FuseHelper(["mount.fuse3"], mount.Type["fuse3.".Length..]);
        // A system with version 3 alone has it under its own name, and mostly under both.
        return mount.Type.StartsWith("fuse.", StringComparison.Ordinal) ? new FuseHelper(["mount.fuse", "mount.fuse3"], mount.Type["fuse.".Length..]) : null;
    }

    /// <summary>Mounts on a path. The helper is started on this thread, hence in its mount namespace; the server it leaves behind ends when it is unmounted.</summary>
    public void Mount(MountRequest request, string path)
    {
        Mount mount = request.Mount;
        string program = Programs.Select(HelperProgram.Find).FirstOrDefault(found => found is not null) ?? throw new ContainerdException(
            ErrorKind.NotSupported,
            $"Mounting {MountFailure.Describe(mount)}: no {string.Join(" or ", Programs)} in PATH, /usr/sbin or /sbin; the package fuse3 has it.")
        { Subject = mount.Source };

        List<string> arguments = [mount.Source, path];
        foreach (string option in request.HelperOptions)
            arguments.AddRange(["-o", option]);
        arguments.AddRange(["-t", Type]);
        (int? exitCode, string error) = HelperProgram.Run(program, arguments, TimeLimit);
        if (exitCode == 0)
            return;
        (ErrorKind kind, string reason) = exitCode switch
        {
            null => (ErrorKind.Timeout, $"did not end within {TimeLimit.TotalSeconds} seconds and was killed"),
            ShellFoundNothing => (ErrorKind.NotSupported, $"found no program '{Excerpt.Of(Type)}' for the file system"),
            _ => (ErrorKind.InvalidArgument, $"ended with {exitCode}"),
        };
        string words = error.Length == 0 ? "" : $" It says: {Excerpt.OfMessage(error)}";
        throw new ContainerdException(kind, $"Mounting {MountFailure.Describe(mount)}: {program} {reason}.{words}") { Subject = mount.Source };
    }
}
