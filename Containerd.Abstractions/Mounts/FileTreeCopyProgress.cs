namespace Containerd;

/// <summary>Running totals of a copy.</summary>
/// <param name="Entries">Files, directories, links and special files made; not the roots, nor directories that were there already.</param>
/// <param name="Bytes">Bytes of file content in them, holes not counted; what was shared by reflink counts.</param>
public readonly record struct FileTreeCopyProgress(long Entries, long Bytes);
