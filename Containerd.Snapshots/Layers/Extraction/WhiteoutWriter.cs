using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Carries out a layer's whiteouts: in a plain tree what they name is removed, in an overlay's upper directory it is marked as removed.</summary>
/// <remarks>
/// A whiteout is about the layers beneath only (image-spec layer.md §Whiteouts): what this layer itself put there stays, whichever of the two comes
/// first in the archive.
/// </remarks>
internal sealed class WhiteoutWriter(LayerTree tree, TreeRemover remover)
{
    private const int CharacterDevice = 0x2000;
    private const int ListLength = 32 << 10;

    /// <summary>The most that <see cref="MarkerLength"/> gives: the opaque marker with its slash.</summary>
    public const int MaxMarkerLength = 13;

    public static ReadOnlySpan<byte> Prefix => ".wh."u8;

    private bool _rootHidden;

    private static ReadOnlySpan<byte> OpaqueMarker => ".wh..wh..opq"u8;

    /// <summary>Whether something was removed, or hidden, in a way that only fits what lies beneath now.</summary>
    public bool DependsOnBase { get; private set; }

    /// <summary>How many bytes of an entry's name only make a whiteout or an opaque marker of it: what it is about is that much shorter.</summary>
    public static int MarkerLength(ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> leaf = name[(name.LastIndexOf((byte)'/') + 1)..];
        return !leaf.StartsWith(Prefix) ? 0 : leaf.SequenceEqual(OpaqueMarker) ? MaxMarkerLength : Prefix.Length;
    }

    /// <summary>Carries out an entry whose name begins with <see cref="Prefix"/>.</summary>
    public void Apply(TreeDirectory directory, ReadOnlySpan<byte> marker, TarEntry entry)
    {
        if (marker.SequenceEqual(OpaqueMarker))
        {
            MakeOpaque(directory, entry);
            return;
        }
        ReadOnlySpan<byte> name = marker[Prefix.Length..];
        if (name.IsEmpty || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            throw TarError.Invalid("it is a whiteout of no name", entry.Name);
        Remove(directory, name, entry);
    }

    /// <summary>Removes, or hides, what has a name in the layers beneath.</summary>
    public void Remove(TreeDirectory directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        if (!tree.IsOverlay)
        {
            DependsOnBase = true;
            remover.RemoveLower(directory, name);
            return;
        }
        Interop.FileResult found = Interop.Files.Status(directory.Handle, name, out Interop.FileStatus status);
        if (found.Ok && status.IsWhiteout)
            return;
        if (found.Ok && !remover.RemoveLower(directory, name))
        {
            if (status.IsDirectory)
                MarkOpaque(directory.Handle, name, entry);
            return;
        }
        if (!found.Ok && !found.Missing)
            throw found.ToException("look at", ArchiveText.Safe(entry.Name));
        if (!directory.Record.IsRoot && tree.Directories.IsCleared(directory.Record.Device, directory.Record.Inode))
            return; // it shows nothing of what lies beneath, and has to stay empty to be removable itself
        MakeWhiteout(directory.Handle, name, entry);
        tree.Hide(directory.Record, name);
    }

    private void MakeOpaque(TreeDirectory directory, TarEntry entry)
    {
        DependsOnBase |= !tree.IsOverlay;
        // In an overlay what a hard link brought up from beneath is what lies beneath.
        remover.RemoveLowerChildren(directory);
        if (!tree.IsOverlay)
            return;
        if (directory.Record.IsRoot)
            HideLowerRoot(directory, entry);
        else
            Check(tree.Attributes.MakeOpaque(directory.Handle), "mark as opaque the directory of", entry);
    }

    // overlayfs does not look whether the root of the upper layer is opaque: each name beneath has to be hidden by itself. The mark is for whoever gives the tree another
    // parent, whose names are not hidden.
    private void HideLowerRoot(TreeDirectory root, TarEntry entry)
    {
        if (_rootHidden)
            return;
        _rootHidden = DependsOnBase = true;
        Check(tree.Attributes.MakeOpaque(root.Handle), "mark as opaque the directory of", entry);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ListLength);
        try
        {
            foreach (SafeFileHandle lower in tree.Lowers)
            {
                Check(Interop.Files.OpenDirectory(lower, "."u8, out SafeFileHandle listed), "open the lower layers for", entry);
                using (listed)
                {
                    while (true)
                    {
                        Check(Interop.Files.List(listed, buffer, out int length), "list the lower layers for", entry);
                        if (length == 0)
                            break;
                        ReadOnlySpan<byte> batch = buffer.AsSpan(0, length);
                        while (Interop.Files.NextName(ref batch, out ReadOnlySpan<byte> name))
                            Remove(root, name, entry);
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void MakeWhiteout(SafeFileHandle directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        Check(tree.Attributes.MarkWhiteouts(directory), "mark the whiteout of", entry);
        Check(Interop.Files.MakeNode(directory, name, CharacterDevice, 0, 0), "make the whiteout of", entry);
        EntryMetadata.CheckOwner(Interop.Files.SetOwner(directory, name, entry.Uid, entry.Gid), "set the owner of the whiteout of", entry);
    }

    private void MarkOpaque(SafeFileHandle directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        Check(Interop.Files.OpenPathDirectory(directory, name, out SafeFileHandle handle), "open the directory of", entry);
        using (handle)
            Check(tree.Attributes.MakeOpaque(handle), "mark as opaque the directory of", entry);
    }

    private static void Check(Interop.FileResult result, string operation, TarEntry entry)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(entry.Name));
    }
}
