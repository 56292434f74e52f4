namespace Containerd;

/// <summary>What a snapshot takes on disk, its parents excluded.</summary>
/// <param name="Inodes">Files, directories and other inodes; a file with several hard links counts once.</param>
/// <param name="Bytes">Allocated space in bytes (512-byte blocks of every inode), holes not counted.</param>
public readonly record struct SnapshotUsage(long Inodes, long Bytes);
