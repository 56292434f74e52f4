namespace Containerd.Execution;

/// <summary>Finds a runtime's program.</summary>
internal static class RuntimeProgram
{
    // Where distributions put runtimes, and what the search path of a service often lacks.
    private static readonly string[] SystemDirectories = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

    /// <summary>The absolute path of a program.</summary>
    /// <param name="program">A path, or a name to look for.</param>
    /// <param name="verb">For the exception.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: there is none. -or- <see cref="ErrorKind.PermissionDenied"/>: the file is not executable.</exception>
    public static string Find(string program, string verb)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            if (!File.Exists(program))
                throw Missing(program, "there is no such file", verb);
            return IsExecutable(program)
                ? Path.GetFullPath(program)
                : throw new OciRuntimeException(ErrorKind.PermissionDenied, $"The OCI runtime '{Excerpt.OfMessage(program)}' is not executable.") { Verb = verb, Subject = program };
        }
        string[] directories = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries), .. SystemDirectories];
        return directories.Where(Path.IsPathRooted).Select(directory => Path.Join(directory, program)).FirstOrDefault(IsExecutable)
            ?? throw Missing(program, $"it is not in {string.Join(':', directories.Distinct())}", verb);
    }

    private static bool IsExecutable(string path) =>
        File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;

    private static OciRuntimeException Missing(string program, string why, string verb) =>
        new(ErrorKind.NotFound, $"The OCI runtime '{Excerpt.OfMessage(program)}' is not installed: {Excerpt.OfMessage(why)}. Install it, or name another one in OciRuntimeOptions.Dialect or OciRuntimeOptions.Program.")
        {
            Verb = verb,
            Subject = program,
        };
}
