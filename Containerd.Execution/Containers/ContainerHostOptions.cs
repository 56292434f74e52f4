namespace Containerd.Execution;

/// <summary>Where a <see cref="ContainerHost"/> keeps its containers.</summary>
public sealed class ContainerHostOptions
{
    /// <summary>
    /// The directory of all state, made with mode 0700 where it is missing. One that is there must be a state root already or empty, this user's, and not writable by others; it gets
    /// mode 0700. A tmpfs is right: nothing in it means anything after a reboot.
    /// </summary>
    /// <value><c>/run/containerd-net</c>.</value>
    /// <exception cref="ArgumentException">Not an absolute path.</exception>
    public string StateRoot
    {
        get;
        set => field = Absolute(value);
    } = "/run/containerd-net";

    /// <summary>
    /// The cgroup above all containers, from the root of its hierarchy; each gets one named as it beneath. Made where it is missing, and removed again behind the last container of
    /// this root. Hosts with different state roots need different ones: the IDs of their containers may be the same.
    /// </summary>
    /// <value>Null: <c>/containerd-net-</c> and 12 hexadecimal digits of the SHA-256 of <see cref="StateRoot"/>, so that each state root has its own.</value>
    /// <exception cref="ArgumentException">Not an absolute path, or one with <c>.</c> or <c>..</c> in it.</exception>
    public string? CgroupParent
    {
        get;
        set => field = value is null ? null : CgroupPath.IsPlain(Absolute(value))
            ? value.TrimEnd('/')
            : throw new ArgumentException($"The cgroup '{value}' must be named without '.' and '..'.", nameof(value));
    }

    /// <summary>
    /// Whether this process becomes a subreaper (PR_SET_CHILD_SUBREAPER), so that containers are its children in the end and their exit codes are exact and immediate on
    /// any kernel, whichever way they are started.
    /// </summary>
    /// <remarks>
    /// Process-wide and for good: <em>every</em> orphan beneath this process comes to it, and those that this library did not start stay zombies until it ends. For a process
    /// that does nothing but run containers.
    /// </remarks>
    /// <value>False.</value>
    public bool Subreaper { get; set; }

    private static string Absolute(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Path.IsPathRooted(path) && path.Trim('/').Length > 0 ? path : throw new ArgumentException($"'{path}' is not an absolute path below the root.", nameof(path));
    }
}
