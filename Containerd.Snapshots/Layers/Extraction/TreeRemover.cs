using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Removes what stands at a name, directories with all they hold, by directory handles and following nothing.</summary>
internal sealed class TreeRemover(LayerTree tree, UnpackedNames unpacked, CancellationToken cancellationToken)
{
    private const int ListLength = 32 << 10;

    /// <summary>Removes whatever has a name.</summary>
    public void Remove(SafeFileHandle directory, ReadOnlySpan<byte> name) => Remove(directory, name, -1, keepUnpacked: false);

    /// <summary>Removes what has a name, except what this layer itself put there; false where something is left for that reason.</summary>
    public bool RemoveLower(TreeDirectory directory, ReadOnlySpan<byte> name) => Remove(directory.Handle, name, directory.Record.Id, keepUnpacked: true);

    /// <summary>Removes all a directory holds, except what this layer itself put there.</summary>
    public void RemoveLowerChildren(TreeDirectory directory)
    {
        if (tree.Directories.IsCleared(directory.Record.Device, directory.Record.Inode))
            return;
        Check(Interop.Files.OpenDirectory(directory.Handle, "."u8, out SafeFileHandle handle), "open", "."u8);
        Empty(new Frame(handle, null, [], directory.Record.Id, keep: true), keepUnpacked: true);
        tree.Directories.MarkCleared(directory.Record.Device, directory.Record.Inode);
        tree.ForgetPaths();
    }

    private bool Remove(SafeFileHandle directory, ReadOnlySpan<byte> name, int directoryId, bool keepUnpacked)
    {
        bool keep = keepUnpacked && unpacked.Contains(directoryId, name);
        Interop.FileResult found = Interop.Files.Status(directory, name, out Interop.FileStatus status);
        if (found.Missing)
            return true;
        Check(found, "look at", name);
        if (!status.IsDirectory)
        {
            if (keep)
                return false;
            if (status.IsSymbolicLink)
                tree.ForgetPaths();
            Interop.FileResult unlinked = Interop.Files.Unlink(directory, name);
            if (!unlinked.Missing)
                Check(unlinked, "remove", name);
            return true;
        }
        bool isCleared = keepUnpacked && tree.Directories.IsCleared(status.Device, status.Inode);
        if (isCleared && keep)
            return false;
        if (!isCleared)
            tree.ForgetPaths();
        if (Enter(directory, name, keep) is not { } frame)
            return true;
        if (!isCleared)
            Empty(frame, keepUnpacked);
        return Finish(frame, keepUnpacked);
    }

    // By a stack of its own: a tree may be deeper than the thread's.
    private void Empty(Frame top, bool keepUnpacked)
    {
        var frames = new Stack<Frame>();
        frames.Push(top);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ListLength);
        try
        {
            top.Directories = RemoveFiles(top, keepUnpacked, buffer);
            while (frames.TryPeek(out Frame? frame))
            {
                if (frame.Directories!.TryDequeue(out byte[]? name))
                {
                    bool keep = keepUnpacked && frame.Id >= 0 && unpacked.Contains(frame.Id, name);
                    if (Enter(frame.Handle, name, keep) is { } child)
                    {
                        if (keepUnpacked && tree.Directories.IsCleared(child.Status.Device, child.Status.Inode))
                        {
                            Finish(child, keepUnpacked);
                            continue;
                        }
                        frames.Push(child);
                        child.Directories = RemoveFiles(child, keepUnpacked, buffer);
                    }
                    continue;
                }
                frames.Pop();
                if (frame != top)
                    Finish(frame, keepUnpacked);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            foreach (Frame frame in frames)
                frame.Handle.Dispose();
            top.Handle.Dispose();
        }
    }

    // The names of the subdirectories, which come next. Listed completely first: positions in a list that is being removed mean nothing on some file systems.
    private Queue<byte[]> RemoveFiles(Frame frame, bool keepUnpacked, byte[] buffer)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var directories = new Queue<byte[]>();
        while (true)
        {
            Check(Interop.Files.List(frame.Handle, buffer, out int length), "list", frame.Name);
            if (length == 0)
                return directories;
            ReadOnlySpan<byte> batch = buffer.AsSpan(0, length);
            while (Interop.Files.NextName(ref batch, out ReadOnlySpan<byte> name))
            {
                if (keepUnpacked && frame.Id >= 0 && unpacked.Contains(frame.Id, name))
                {
                    if (Interop.Files.Status(frame.Handle, name, out Interop.FileStatus status).Ok && status.IsDirectory)
                        directories.Enqueue(name.ToArray());
                    continue;
                }
                Interop.FileResult unlinked = Interop.Files.Unlink(frame.Handle, name);
                if (unlinked.IsDirectory)
                    directories.Enqueue(name.ToArray());
                else if (!unlinked.Missing)
                    Check(unlinked, "remove", name);
            }
        }
    }

    // Null where it is gone, or no directory any more.
    private Frame? Enter(SafeFileHandle parent, ReadOnlySpan<byte> name, bool keep)
    {
        Interop.FileResult opened = Interop.Files.OpenDirectory(parent, name, out SafeFileHandle handle);
        if (opened.Missing)
            return null;
        if (opened.NotDirectory)
        {
            Interop.FileResult unlinked = Interop.Files.Unlink(parent, name); // swapped meanwhile: remove what is there now, follow nothing
            if (!unlinked.Missing)
                Check(unlinked, "remove", name);
            return null;
        }
        Check(opened, "open", name);
        Interop.FileResult looked = Interop.Files.Status(handle, out Interop.FileStatus status);
        if (!looked.Ok)
            handle.Dispose();
        Check(looked, "look at", name);
        return new Frame(handle, parent, name.ToArray(), tree.Directories.Find(status)?.Id ?? -1, keep)
        {
            Status = status,
            WasImplied = tree.IsOverlay && tree.Attributes.WasImplied(handle),
        };
    }

    private bool Finish(Frame frame, bool keepUnpacked)
    {
        frame.Handle.Dispose();
        if (frame.Keep)
        {
            tree.Directories.MarkCleared(frame.Status.Device, frame.Status.Inode);
            return false;
        }
        Interop.FileResult removed = Interop.Files.RemoveDirectory(frame.Parent!, frame.Name);
        if (keepUnpacked && removed.NotEmpty)
        {
            // Something of this layer lies in it, though no entry may describe it: what was removed leaves no trace in its times.
            Interop.FileResult kept = Interop.Files.SetTimes(frame.Parent!, frame.Name, frame.Status.AccessTime, frame.Status.ModifyTime);
            if (!kept.Missing)
                Check(kept, "set the times of", frame.Name);
            tree.Directories.MarkCleared(frame.Status.Device, frame.Status.Inode);
            return false;
        }
        if (!removed.Missing)
            Check(removed, "remove", frame.Name);
        if (frame.WasImplied)
            tree.MarkReplaced();
        tree.ForgetPaths();
        tree.Directories.Forget(frame.Status);
        return true;
    }

    private static void Check(Interop.FileResult result, string operation, ReadOnlySpan<byte> name)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(name));
    }

    private sealed class Frame(SafeFileHandle handle, SafeFileHandle? parent, byte[] name, int id, bool keep)
    {
        public SafeFileHandle Handle => handle;

        public SafeFileHandle? Parent => parent;

        public byte[] Name => name;

        /// <summary>The directory's number in the table, or -1 where the layer put nothing into it.</summary>
        public int Id => id;

        /// <summary>Whether the directory itself stays.</summary>
        public bool Keep => keep;

        public Queue<byte[]>? Directories { get; set; }

        public Interop.FileStatus Status { get; init; }

        public bool WasImplied { get; init; }
    }
}
