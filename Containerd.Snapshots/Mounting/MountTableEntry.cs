namespace Containerd.Snapshots;

/// <summary>One line of the mount table.</summary>
/// <param name="Id">The mount's ID.</param>
/// <param name="ParentId">The ID of the mount it is attached to.</param>
/// <param name="Path">Where it is attached, as this process sees it.</param>
/// <param name="Type">The file system type.</param>
/// <param name="Propagates">Whether mounts beneath it appear in other mount namespaces, or those of others here.</param>
/// <param name="IsReadOnlyFileSystem">Whether the file system is read-only, however it is reached.</param>
internal readonly record struct MountTableEntry(int Id, int ParentId, string Path, string Type, bool Propagates, bool IsReadOnlyFileSystem);
