namespace Containerd;

/// <summary>Mounts file trees described by <see cref="Mount"/> values, and unmounts them.</summary>
/// <remarks>
/// <para>Every member is synchronous: it makes its system calls on the caller's thread, in the caller's mount namespace, so that it can be used
/// on a thread that has entered a private namespace. A call takes as long as the kernel takes, normally well under a millisecond.</para>
/// <para>Thread-safe. Needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace.</para>
/// <para>A mounter never deletes anything, and never follows a symbolic link out of the tree it assembles.</para>
/// <example>
/// <code>
/// IReadOnlyList&lt;Mount&gt; mounts = await snapshotter.PrepareAsync("job", parent, cancellationToken: ct);
/// using IDetachedMount tree = mounter.MountDetached(mounts);
/// File.WriteAllText(Path.Join(tree.Path, "etc/hostname"), "job");
/// </code>
/// </example>
/// </remarks>
public interface IMounter
{
    /// <summary>Applies mounts in order onto a directory: all of them, or none.</summary>
    /// <param name="mounts">The mounts, parents before children. The target of each is resolved inside <paramref name="target"/>.</param>
    /// <param name="target">An existing directory (or a file, for a single bind of a file).</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: the target, a source or a directory of a mount is missing. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel refuses the combination of options; the message carries the kernel's own words where it has any. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the kernel has no such file system or option, or no helper program for it. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: CAP_SYS_ADMIN is missing. -or-
    /// <see cref="ErrorKind.Unavailable"/>: a directory is in use by another overlay mount. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: too many mounts, or options too long for this kernel. -or-
    /// <see cref="ErrorKind.Timeout"/>: a helper program of a FUSE file system did not end.
    /// After any of them nothing of this call is mounted, unless the message says what is: where the kernel refuses to take a mount back.</exception>
    void Mount(IReadOnlyList<Mount> mounts, string target);

    /// <summary>Unmounts everything mounted at a directory. Idempotent: no mount there, or no such directory, is no error.</summary>
    /// <param name="target">The directory. A symbolic link is not followed.</param>
    /// <param name="options">How.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.Unavailable"/>: still busy after the retries; the message names the holder where it can be found. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: CAP_SYS_ADMIN is missing, or the mount is locked: it came with the mount namespace from another user namespace. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the target is the root directory of the process.</exception>
    void Unmount(string target, UnmountOptions options = UnmountOptions.None);

    /// <summary>
    /// Assembles mounts as a detached tree: it has a usable path, never appears in the mount table of any process, and is gone when disposed
    /// or when this process ends, however it ends. An implementation may say where the kernel cannot do that, and what it does instead.
    /// </summary>
    /// <param name="mounts">The mounts, parents before children.</param>
    /// <returns>The tree; the caller disposes it.</returns>
    /// <exception cref="ContainerdException">As <see cref="Mount"/>. -or- <see cref="ErrorKind.NotSupported"/>: the implementation cannot detach here. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: where it does something else instead, there is no place for that.</exception>
    IDetachedMount MountDetached(IReadOnlyList<Mount> mounts);
}
