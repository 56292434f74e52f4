namespace Containerd.Execution;

// The root file system, mounts, namespaces and capabilities.
public sealed partial record ContainerSpec
{
    /// <summary>Makes the container see its root file system read-only.</summary>
    public ContainerSpec WithReadonlyRootfs() => With(spec => spec with { Root = (spec.Root ?? new SpecRoot()) with { Readonly = true } });

    /// <summary>Adds a mount of the host into the container, in place of one at the same path.</summary>
    /// <param name="mount">The mount; its <see cref="Mount.Target"/> is the path in the container.</param>
    public ContainerSpec WithMount(Mount mount)
    {
        ArgumentNullException.ThrowIfNull(mount);
        if (mount.Target.Trim('/').Length == 0)
            throw new ArgumentException("The mount has no target: it would hide the root file system.", nameof(mount));
        return WithMount(new SpecMount
        {
            Destination = $"/{mount.Target.TrimStart('/')}",
            Type = mount.Type,
            Source = mount.Source,
            Options = [.. mount.SplitOptions()],
        });
    }

    /// <summary>Adds a mount in the specification's own words, in place of one at the same path.</summary>
    /// <param name="mount">The mount.</param>
    public ContainerSpec WithMount(SpecMount mount)
    {
        ArgumentNullException.ThrowIfNull(mount);
        return With(spec => spec with { Mounts = [.. (spec.Mounts ?? []).Where(other => !SpecValidator.IsSamePath(other.Destination, mount.Destination)), mount] });
    }

    /// <summary>Removes the mounts at a path.</summary>
    /// <param name="destination">The path in the container.</param>
    public ContainerSpec WithoutMount(string destination)
    {
        ArgumentException.ThrowIfNullOrEmpty(destination);
        return With(spec => spec with { Mounts = [.. (spec.Mounts ?? []).Where(other => !SpecValidator.IsSamePath(other.Destination, destination))] });
    }

    /// <summary>Gives the container a namespace of a kind, new or existing, in place of the one it has.</summary>
    /// <param name="type"><c>pid</c>, <c>network</c>, <c>mount</c>, <c>ipc</c>, <c>uts</c>, <c>user</c>, <c>cgroup</c> or <c>time</c>.</param>
    /// <param name="path">An existing namespace's file; null for a new one.</param>
    public ContainerSpec WithNamespace(string type, string? path = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        return WithLinux(linux => linux with { Namespaces = [.. (linux.Namespaces ?? []).Where(other => other.Type != type), new LinuxNamespace { Type = type, Path = path }] });
    }

    /// <summary>Makes the container share the host's namespace of a kind.</summary>
    /// <param name="type">As for <see cref="WithNamespace"/>.</param>
    public ContainerSpec WithHostNamespace(string type)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        return WithLinux(linux => linux with { Namespaces = [.. (linux.Namespaces ?? []).Where(other => other.Type != type)] });
    }

    /// <summary>Puts the container into an existing network namespace.</summary>
    /// <param name="path">The namespace's file: <c>/run/netns/NAME</c>, <c>/proc/PID/ns/net</c>.</param>
    public ContainerSpec WithNetworkNamespace(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return WithNamespace("network", path);
    }

    /// <summary>Sets exactly which capabilities the process has: bounding, permitted and effective; nothing inheritable or ambient.</summary>
    /// <param name="names">Names as <c>CAP_CHOWN</c>; none for none.</param>
    public ContainerSpec WithCapabilities(params IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] copy = [.. names];
        return WithProcess(process => process with { Capabilities = new SpecCapabilities { Bounding = copy, Effective = copy, Permitted = copy } });
    }

    /// <summary>Adds capabilities to those there are.</summary>
    /// <param name="names">Names as <c>CAP_NET_ADMIN</c>.</param>
    public ContainerSpec WithAddedCapabilities(params IReadOnlyList<string> names) => WithCapabilities([.. CurrentCapabilities().Union(names)]);

    /// <summary>Takes capabilities away from those there are.</summary>
    /// <param name="names">Names as <c>CAP_NET_RAW</c>.</param>
    public ContainerSpec WithoutCapabilities(params IReadOnlyList<string> names) => WithCapabilities([.. CurrentCapabilities().Except(names)]);

    /// <summary>Says whether exec can give the process privileges that it does not have. It cannot by default.</summary>
    /// <param name="allowed">Whether it can.</param>
    public ContainerSpec WithNewPrivileges(bool allowed = true) => WithProcess(process => process with { NoNewPrivileges = !allowed });

    private IEnumerable<string> CurrentCapabilities() => Spec.Process?.Capabilities?.Bounding ?? [];
}
