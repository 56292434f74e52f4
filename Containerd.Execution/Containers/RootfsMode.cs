namespace Containerd.Execution;

/// <summary>Where the root file system of a container is mounted.</summary>
public enum RootfsMode
{
    /// <summary>
    /// In a mount namespace that only the runtime and the container ever see: the host's mount table never shows it, and the kernel takes it down with the container,
    /// however that ends. Mounts of the host, and their ends, still reach it; what is mounted inside never reaches the host.
    /// </summary>
    PrivateNamespace,

    /// <summary>In the host's mount namespace at the bundle's <c>rootfs</c>, unmounted when the container is deleted. For volumes whose mounts must propagate back to the host.</summary>
    HostMount,
}
