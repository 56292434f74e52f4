using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Network;

/// <summary>A handle on a network namespace. The namespace lives at least as long as the handle.</summary>
/// <remarks>
/// <para>A namespace made by <see cref="CreateAsync(string, CancellationToken)"/> has a name in the file system, as <c>ip
/// netns add</c> gives it: it outlives this
/// process, and <see cref="DisposeAsync"/> of the object that made it <em>deletes the name</em>. Disposing any other
/// object only
/// closes the handle. A namespace without name, handle, process or mount is destroyed by the kernel, some time later, with the
/// virtual links in it; physical ones go back to the initial namespace.</para>
/// <para>No member changes the namespace of a thread that the caller can observe. Members are thread-safe.</para>
/// <para>Making a namespace needs CAP_SYS_ADMIN; opening one needs the right to read its file.</para>
/// <para>Source: iproute2 ip/ipnetns.c; containerd pkg/netns/netns_linux.go (N-2).</para>
/// </remarks>
/// <example>
/// <code>
/// await using var netns = await NetworkNamespace.CreateAsync("job-42", ct);
/// // … run a container with netns.Path; leaving the scope deletes the name.
/// </code>
/// </example>
public sealed class NetworkNamespace : IAsyncDisposable
{
    /// <summary>Where iproute2 keeps named namespaces.</summary>
    public const string DefaultDirectory = "/run/netns";

    private const string CurrentPath = "/proc/thread-self/ns/net";

    private readonly SafeFileHandle _handle;
    private readonly NamespaceDirectory? _directory;
    private readonly string? _name;
    private int _disposed;

    private NetworkNamespace(SafeFileHandle handle, string? path, NamespaceDirectory? directory = null, string? name = null)
    {
        _handle = handle;
        _directory = directory;
        _name = name;
        Path = path ?? Interop.SharedPath(handle);
        Interop.FileStatus status = Interop.StatusOf(handle, Path);
        Identity = new NetworkNamespaceIdentity(status.Device, status.Inode);
    }

    /// <summary>A path of the namespace, for a runtime's specification (<c>linux.namespaces[].path</c>).</summary>
    /// <value>The name's path, or the path it was opened by; for an anonymous one <c>/proc/PID/fd/N</c> of this process,
    /// valid until the object is disposed.</value>
    public string Path { get; }

    /// <summary>What tells this namespace from others; equal for two handles on the same one.</summary>
    public NetworkNamespaceIdentity Identity { get; }

    /// <summary>Makes a namespace under a name that survives this process.</summary>
    /// <remarks>
    /// The name is a file in <paramref name="directory"/> on which the namespace is mounted; the directory is made and
    /// turned into a
    /// shared mount where it is not, so that the name is seen, and can be deleted, in every mount namespace. <c>ip
    /// netns</c> shows
    /// and deletes it. An empty file of that name on which nothing is mounted (a crash's leftover) is replaced. Several
    /// processes may create
    /// different or equal names at once; an advisory lock on the directory orders them. Cancellation leaves nothing behind.
    /// </remarks>
    /// <param name="name">A containerd identifier: 1 to 76 letters and digits, single <c>.</c>, <c>_</c> or
    /// <c>-</c> between them.</param>
    /// <param name="directory">An absolute path that only root can write to; null is <see cref="DefaultDirectory"/>.</param>
    /// <param name="loopbackUp">Whether the loopback is up, as a container expects it.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The namespace; its disposal deletes the name.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: the name is malformed. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the name is that of a namespace. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the name is taken by something that is no namespace. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: CAP_SYS_ADMIN is missing. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: <c>/proc/sys/user/max_net_namespaces</c> is reached. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another process kept the lock on the directory for five seconds.</exception>
    public static async Task<NetworkNamespace> CreateAsync(
        string name, string? directory, bool loopbackUp = true, CancellationToken cancellationToken = default)
    {
        Identifier.Check(name, "name of a network namespace");
        var place = new NamespaceDirectory(directory ?? DefaultDirectory);
        SafeFileHandle handle = await Task.Run(Interop.CreateNetworkNamespace, cancellationToken).ConfigureAwait(false);
        try
        {
            var result = new NetworkNamespace(handle, place.PathOf(name), place, name);
            // Before the name appears, so that nobody finds a half-made namespace by it.
            if (loopbackUp)
                await result.SetLoopbackUpAsync(cancellationToken).ConfigureAwait(false);
            await place.AddAsync(name, handle, cancellationToken).ConfigureAwait(false);
            return result;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Makes a namespace under a name in <see cref="DefaultDirectory"/>, its loopback up, as the longer overload
    /// does it.</summary>
    /// <param name="name">A containerd identifier: 1 to 76 letters and digits, single <c>.</c>, <c>_</c> or
    /// <c>-</c> between them.</param>
    /// <param name="cancellationToken">Stops the call; nothing is left behind.</param>
    /// <returns>The namespace; its disposal deletes the name.</returns>
    /// <exception cref="ContainerdException">As <see cref="CreateAsync(string, string?, bool, CancellationToken)"/>.</exception>
    public static Task<NetworkNamespace> CreateAsync(string name, CancellationToken cancellationToken = default) =>
        CreateAsync(name, directory: null, cancellationToken: cancellationToken);

    /// <summary>Makes a namespace without a name: it is gone when this object is disposed and nothing else uses it.</summary>
    /// <param name="loopbackUp">Whether the loopback is up, as a container expects it.</param>
    /// <param name="cancellationToken">Stops the call; nothing is left behind.</param>
    /// <returns>The namespace.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.PermissionDenied"/>: CAP_SYS_ADMIN is missing. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: <c>/proc/sys/user/max_net_namespaces</c> is reached.</exception>
    public static async Task<NetworkNamespace> CreateAnonymousAsync(bool loopbackUp = true, CancellationToken cancellationToken = default)
    {
        SafeFileHandle handle = await Task.Run(Interop.CreateNetworkNamespace, cancellationToken).ConfigureAwait(false);
        try
        {
            var result = new NetworkNamespace(handle, path: null);
            if (loopbackUp)
                await result.SetLoopbackUpAsync(cancellationToken).ConfigureAwait(false);
            return result;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Opens the namespace a path names (<c>/run/netns/x</c>, <c>/proc/123/ns/net</c>).</summary>
    /// <param name="path">The path. Nothing but a network namespace is ever opened for reading, whatever the path
    /// names.</param>
    /// <returns>The namespace; its disposal closes the handle.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such file. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: it is no network namespace. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: it may not be read.</exception>
    public static NetworkNamespace Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // A path alone could be a FIFO that blocks or a device that acts when opened: look first, then open what was looked at.
        using SafeFileHandle location = Interop.TryOpen(null, path, Interop.FileOpening.Location, out int errno)
            ?? throw Interop.Failure("Opening the network namespace", path, errno);
        if (Interop.FileSystemOf(location, path) != Interop.NSFS_MAGIC)
            throw NotANamespace(path);
        SafeFileHandle handle = Interop.TryOpen(null, Interop.OwnPath(location), Interop.FileOpening.Read, out errno)
            ?? throw Interop.Failure("Opening the network namespace", path, errno);
        if (!Interop.IsNetworkNamespace(handle))
        {
            handle.Dispose();
            throw NotANamespace(path);
        }
        return new NetworkNamespace(handle, path);
    }

    /// <summary>Opens a namespace by its name.</summary>
    /// <param name="name">A name as for <see cref="CreateAsync(string, CancellationToken)"/>.</param>
    /// <param name="directory">The directory of names; null is <see cref="DefaultDirectory"/>.</param>
    /// <returns>The namespace; its disposal closes the handle and keeps the name.</returns>
    /// <exception cref="ContainerdException">As <see cref="Open"/>; also <see cref="ErrorKind.InvalidArgument"/>: the
    /// name is malformed.</exception>
    public static NetworkNamespace OpenNamed(string name, string? directory = null)
    {
        Identifier.Check(name, "name of a network namespace");
        return Open(new NamespaceDirectory(directory ?? DefaultDirectory).PathOf(name));
    }

    /// <summary>Opens the namespace a process is in.</summary>
    /// <param name="processId">The process, in the pid namespace of this one's <c>/proc</c>. That it is still the one
    /// meant is for the caller to know.</param>
    /// <returns>The namespace; its disposal closes the handle.</returns>
    /// <exception cref="ContainerdException">As <see cref="Open"/>; <see cref="ErrorKind.NotFound"/>: there is no such
    /// process.</exception>
    public static NetworkNamespace OpenProcess(int processId)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        return Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/ns/net"));
    }

    /// <summary>Opens the namespace of the calling thread, which is that of this process.</summary>
    /// <returns>The namespace; its disposal closes the handle.</returns>
    // By the handle: the thread may be gone by the time somebody reads a path of its own.
    public static NetworkNamespace OpenCurrent() => new(OpenCurrentHandle(), path: null);

    /// <summary>The names in a directory on which a network namespace is mounted, in ordinal order. Leftovers without one
    /// are not listed.</summary>
    /// <param name="directory">The directory of names; null is <see cref="DefaultDirectory"/>. One that does not exist
    /// has none.</param>
    /// <returns>The names; also those that are no identifiers, as <c>ip netns</c> may have made.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.PermissionDenied"/>: the directory may not be
    /// read.</exception>
    public static IReadOnlyList<string> List(string? directory = null) => new NamespaceDirectory(directory ?? DefaultDirectory).List();

    /// <summary>Deletes a name. Idempotent: a name that does not exist, or is a crash's leftover, is no error.</summary>
    /// <remarks>The namespace itself lives on while a process, a handle or another mount uses it.</remarks>
    /// <param name="name">A name as for <see cref="CreateAsync(string, CancellationToken)"/>.</param>
    /// <param name="directory">The directory of names; null is <see cref="DefaultDirectory"/>.</param>
    /// <param name="cancellationToken">Stops the waiting for the directory's lock.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: the name is malformed. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the name is taken by something that is no namespace; it is left alone. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: CAP_SYS_ADMIN is missing. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another process kept the lock on the directory for five seconds.</exception>
    public static Task DeleteAsync(string name, string? directory, CancellationToken cancellationToken = default)
    {
        Identifier.Check(name, "name of a network namespace");
        return new NamespaceDirectory(directory ?? DefaultDirectory).RemoveAsync(name, only: null, cancellationToken);
    }

    /// <summary>Deletes a name in <see cref="DefaultDirectory"/>, as the longer overload does it.</summary>
    /// <param name="name">A name as for <see cref="CreateAsync(string, CancellationToken)"/>.</param>
    /// <param name="cancellationToken">Stops the waiting for the directory's lock.</param>
    /// <exception cref="ContainerdException">As <see cref="DeleteAsync(string, string?, CancellationToken)"/>.</exception>
    public static Task DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        DeleteAsync(name, directory: null, cancellationToken);

    /// <summary>Closes the handle and, for a namespace that <see cref="CreateAsync(string, CancellationToken)"/> made,
    /// deletes its name. Idempotent.</summary>
    /// <remarks>A name that meanwhile was deleted, or given to another namespace, is left alone.</remarks>
    /// <exception cref="ContainerdException">As <see cref="DeleteAsync(string, CancellationToken)"/>; the handle is
    /// closed all the same.</exception>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        try
        {
            // The handle is still open, so the inode number cannot have been given to another namespace.
            if (_directory is not null)
                await _directory.RemoveAsync(_name!, Identity, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _handle.Dispose();
        }
    }

    /// <summary>The path.</summary>
    public override string ToString() => Path;

    /// <summary>The handle, for as long as a request carries its number.</summary>
    internal Interop.HandleLease Lease()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return new Interop.HandleLease(_handle);
    }

    /// <summary>The namespace of the calling thread, without keeping it open.</summary>
    internal static NetworkNamespaceIdentity CurrentIdentity()
    {
        using SafeFileHandle current = OpenCurrentHandle();
        Interop.FileStatus status = Interop.StatusOf(current, CurrentPath);
        return new NetworkNamespaceIdentity(status.Device, status.Inode);
    }

    /// <summary>A handle of its own on the same namespace.</summary>
    internal SafeFileHandle Duplicate()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return Interop.TryOpen(null, Interop.OwnPath(_handle), Interop.FileOpening.Read, out int errno)
            ?? throw Interop.Failure("Opening the network namespace", Path, errno);
    }

    private async Task SetLoopbackUpAsync(CancellationToken cancellationToken)
    {
        var client = new RouteNetlinkClient(this);
        await using ConfiguredAsyncDisposable _ = client.ConfigureAwait(false);
        await client.Links.SetUpAsync("lo", cancellationToken).ConfigureAwait(false);
    }

    private static SafeFileHandle OpenCurrentHandle() =>
        Interop.TryOpen(null, CurrentPath, Interop.FileOpening.Read, out int errno)
            ?? throw Interop.Failure("Opening the network namespace", CurrentPath, errno);

    private static ContainerdException NotANamespace(string path) =>
        new(ErrorKind.InvalidArgument, $"'{Excerpt.Of(path)}' is no network namespace.") { Subject = path };
}
