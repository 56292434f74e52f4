namespace Containerd.Execution;

/// <summary>Finds what a runtime would find only halfway through making a container, and says it better.</summary>
public static class SpecValidator
{
    /// <summary>Looks for contradictions in a specification.</summary>
    /// <param name="spec">The specification.</param>
    /// <returns>What is wrong, each a sentence; empty where nothing is.</returns>
    public static IReadOnlyList<string> Validate(Spec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return [.. Process(spec.Process), .. Mounts(spec), .. Namespaces(spec), .. Cgroup(spec.Linux?.CgroupsPath)];
    }

    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: something is wrong.</exception>
    internal static void ThrowIfInvalid(Spec spec, string id)
    {
        IReadOnlyList<string> problems = Validate(spec);
        if (problems.Count > 0)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"Container '{id}' cannot be made: {string.Join(' ', problems)}") { Subject = id };
    }

    internal static bool IsSamePath(string a, string b) => Normalise(a) == Normalise(b);

    private static IEnumerable<string> Process(SpecProcess? process)
    {
        if (process?.Args is not { Count: > 0 } args || args[0].Length == 0)
        {
            yield return "There is no program to run: neither the image nor the caller names one (WithArgs).";
            yield break;
        }
        if (!process.Cwd.StartsWith('/'))
            yield return $"The working directory '{Excerpt.OfMessage(process.Cwd)}' is not an absolute path.";
        // The runtime's own directory handles: how containers broke out in CVE-2024-21626.
        if (Normalise(process.Cwd).StartsWith("/proc/self/fd", StringComparison.Ordinal))
            yield return $"The working directory '{Excerpt.OfMessage(process.Cwd)}' is a file handle of the runtime.";
        if (args.Concat(process.Env ?? []).Append(process.Cwd).Any(text => text.Contains('\0', StringComparison.Ordinal)))
            yield return "An argument, a variable of the environment or the working directory contains a NUL character.";
        if (process.User.Uid > int.MaxValue || process.User.Gid > int.MaxValue)
            yield return $"The user {process.User.Uid}:{process.User.Gid} is beyond 2147483647.";
    }

    private static IEnumerable<string> Mounts(Spec spec)
    {
        var destinations = new HashSet<string>(StringComparer.Ordinal);
        foreach (SpecMount mount in spec.Mounts ?? [])
        {
            if (!mount.Destination.StartsWith('/'))
                yield return $"The mount destination '{Excerpt.OfMessage(mount.Destination)}' is not an absolute path.";
            else if (!destinations.Add(Normalise(mount.Destination)))
                yield return $"Two mounts have the destination '{Excerpt.OfMessage(mount.Destination)}'.";
            bool bind = mount.Type == "bind" || (mount.Options ?? []).Any(option => option is "bind" or "rbind");
            if (bind && !Path.Exists(mount.Source))
                yield return $"The source '{Excerpt.OfMessage(mount.Source ?? "")}' of the mount at '{Excerpt.OfMessage(mount.Destination)}' does not exist.";
        }
    }

    private static IEnumerable<string> Namespaces(Spec spec)
    {
        IReadOnlyList<LinuxNamespace> namespaces = spec.Linux?.Namespaces ?? [];
        if (namespaces.GroupBy(ns => ns.Type).FirstOrDefault(group => group.Count() > 1) is { } twice)
            yield return $"Namespace '{Excerpt.OfMessage(twice.Key)}' is listed twice.";
        if (!string.IsNullOrEmpty(spec.Hostname) && namespaces.All(ns => ns.Type != "uts"))
            yield return "A host name needs a UTS namespace of its own.";
        if (namespaces.All(ns => ns.Type != "mount"))
            yield return "A mount namespace is needed: the container's root file system would become the host's.";
        foreach (LinuxNamespace ns in namespaces.Where(ns => !string.IsNullOrEmpty(ns.Path) && !File.Exists(ns.Path)))
            yield return $"The {Excerpt.OfMessage(ns.Type)} namespace '{Excerpt.OfMessage(ns.Path!)}' does not exist.";
    }

    private static IEnumerable<string> Cgroup(string? path)
    {
        if (path is not null && !CgroupPath.IsPlain(path))
            yield return $"The cgroup '{Excerpt.OfMessage(path)}' is not named plainly: it contains '.' or '..'.";
    }

    private static string Normalise(string path)
    {
        string full = Path.GetFullPath(path, "/");
        return full.Length > 1 ? full.TrimEnd('/') : full;
    }
}
