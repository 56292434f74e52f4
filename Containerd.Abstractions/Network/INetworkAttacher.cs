namespace Containerd;

/// <summary>Connects a container's network namespace to something, and takes the connection away again.</summary>
/// <remarks>
/// <para>One attacher is one way of connecting (a veth pair into a bridge, a macvlan on a parent, a CNI configuration); a host calls as
/// many as it wants, in order, before the container starts, and detaches in reverse order after it has stopped.</para>
/// <para>An attacher never chooses an address by itself: addresses come from its own configuration or from what it delegates to.</para>
/// <para>Implementations are thread-safe for different containers. They never change the network namespace of a thread that the
/// caller can observe. Needs CAP_NET_ADMIN in the user namespaces that own both network namespaces concerned.</para>
/// </remarks>
public interface INetworkAttacher
{
    /// <summary>A short stable name of the kind of attachment (<c>veth</c>, <c>macvlan</c>, <c>cni</c>), recorded in what it returns.</summary>
    string Name { get; }

    /// <summary>Connects the namespace. All or nothing: after a failure or a cancellation no link, address or route of this call is left.</summary>
    /// <param name="containerId">The container the namespace belongs to; what is made carries it, so that it can be found again.</param>
    /// <param name="networkNamespacePath">Path of the network namespace (<c>/run/netns/x</c>, <c>/proc/123/ns/net</c>).</param>
    /// <param name="cancellationToken">Stops the attachment.</param>
    /// <returns>What was made. It can be stored as JSON and handed to <see cref="DetachAsync"/> by another process.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such namespace, or what to attach to does not exist. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the container already has an interface of that name. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: CAP_NET_ADMIN is missing. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the kernel lacks the kind of link.</exception>
    Task<NetworkAttachment> AttachAsync(string containerId, string networkNamespacePath, CancellationToken cancellationToken = default);

    /// <summary>Removes what <see cref="AttachAsync"/> made. Idempotent: what is gone already (the namespace included) is no error.</summary>
    /// <param name="attachment">What <see cref="AttachAsync"/> returned, in this process or another.</param>
    /// <param name="cancellationToken">Stops waiting; the call may then be repeated.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.PermissionDenied"/>: CAP_NET_ADMIN is missing.</exception>
    Task DetachAsync(NetworkAttachment attachment, CancellationToken cancellationToken = default);
}
