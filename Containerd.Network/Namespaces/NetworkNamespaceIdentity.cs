namespace Containerd.Network;

/// <summary>What tells one network namespace from every other one that lives at the same time on this machine.</summary>
/// <param name="Device">Device of the nsfs file system (<c>st_dev</c>; major number in the upper 32 bits).</param>
/// <param name="Inode">Inode number of the namespace (<c>st_ino</c>); the kernel may give it again once the namespace is
/// gone.</param>
public readonly record struct NetworkNamespaceIdentity(ulong Device, ulong Inode);
