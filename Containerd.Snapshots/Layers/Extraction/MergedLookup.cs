using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>
/// Walks a path one directory at a time, resolving every link inside the root, and makes the directories that are missing. With lower directories it
/// sees what the overlay would show: the layer's own tree first, then what lies beneath.
/// </summary>
/// <remarks>
/// Each step opens one name in an open directory without following a link, and <c>..</c> goes back to the handle the walk came from, so that nothing
/// that is renamed or swapped meanwhile leads out of the root. As safe as <c>openat2</c>, with a call more per component.
/// </remarks>
internal sealed class MergedLookup(SafeFileHandle root, IReadOnlyList<SafeFileHandle> lowers, OverlayAttributes overlay, bool isOverlay, LayerLimits limits)
{
    private const int MaxLinks = 255; // as containerd's continuity/fs/path.go
    private const int MaxPathBytes = 64 << 10;

    // Of one path with all its links: each step is some calls, and an entry that costs a hundred bytes must not cost a second.
    private const int MaxSteps = 8192;
    private const int MaxRaces = 64;

    /// <summary>The number of directories that were missing, and made.</summary>
    public long Made { get; private set; }

    /// <summary>The links of lower layers that were followed.</summary>
    public FollowedLinks Followed { get; } = new();

    /// <summary>Opens a directory; null where one is missing and shall not be made.</summary>
    public MergedDirectory? Open(ReadOnlySpan<byte> path, bool create)
    {
        var way = new Stack<MergedDirectory>();
        byte[] rest = path.ToArray();
        int at = 0, links = 0, steps = 0;
        try
        {
            way.Push(Top());
            while (at < rest.Length)
            {
                if (++steps > MaxSteps)
                    throw TarError.Invalid("its directory is behind too many symbolic links", path);
                ReadOnlySpan<byte> component = Next(rest, ref at);
                if (component.IsEmpty || component.SequenceEqual("."u8))
                    continue;
                if (component.SequenceEqual(".."u8))
                {
                    if (way.Count > 1)
                        way.Pop().Dispose();
                    continue;
                }
                MergedDirectory? directory = Enter(way.Peek(), component, create, out byte[]? target);
                if (directory is not null)
                {
                    way.Push(directory);
                    if (way.Count - 1 > limits.MaxPathDepth) // each is an open handle
                        throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxPathDepth), limits.MaxPathDepth, "a path leads deeper through its links");
                    continue;
                }
                if (target is null)
                    return null;
                if (++links > MaxLinks || target.Length + rest.Length - at > MaxPathBytes)
                    throw TarError.Invalid("its directory is behind too many symbolic links", path);
                while (target.AsSpan().StartsWith("/"u8) && way.Count > 1)
                    way.Pop().Dispose();
                rest = [.. target, (byte)'/', .. rest.AsSpan(at)];
                at = 0;
            }
            return way.Pop();
        }
        finally
        {
            foreach (MergedDirectory directory in way)
                directory.Dispose();
        }
    }

    // The directory; or, with null, the target of the link that stands in its place, or nothing where it is missing.
    private MergedDirectory? Enter(MergedDirectory parent, ReadOnlySpan<byte> name, bool create, out byte[]? target)
    {
        target = null;
        for (int race = 0; race < MaxRaces; race++)
        {
            Interop.FileResult result = Interop.Files.OpenPathDirectory(parent.Handle, name, out SafeFileHandle handle);
            if (result.Ok)
                return Merge(parent, name, handle);
            bool hidden = false;
            if (result.NotDirectory)
            {
                target = ReadTarget(parent.Handle, name);
                if (target is not null)
                    return null;
                if (!Interop.Files.Status(parent.Handle, name, out Interop.FileStatus found).Ok || found.IsSymbolicLink || found.IsDirectory)
                    continue; // swapped between the calls: look again
                if (!isOverlay || !found.IsWhiteout)
                    throw TarError.Invalid("a directory of its path is something else", name);
                hidden = true;
            }
            else if (!result.Missing)
                throw result.ToException("open the directory", ArchiveText.Safe(name));

            SafeFileHandle? lower = null;
            if (!hidden && !FindBeneath(parent, name, out lower, out target))
            {
                Interop.FileResult looked = Interop.Files.Status(parent.Handle, out Interop.FileStatus status);
                if (!looked.Ok)
                    throw looked.ToException("look at the directory of", ArchiveText.Safe(name));
                Followed.Add(status, name);
                return null;
            }
            using (lower)
            {
                if (!create)
                    return null;
                Make(parent, name, lower, hidden);
            }
        }
        throw new ContainerdException(ErrorKind.Unavailable, $"Cannot open the directory '{ArchiveText.Safe(name)}': another process keeps changing it.");
    }

    // False where a link lies beneath, whose target is given; otherwise the directory beneath, or none.
    private static bool FindBeneath(MergedDirectory parent, ReadOnlySpan<byte> name, out SafeFileHandle? directory, out byte[]? target)
    {
        directory = null;
        target = null;
        foreach (SafeFileHandle lower in parent.Lowers)
        {
            Interop.FileResult result = Interop.Files.OpenPathDirectory(lower, name, out SafeFileHandle handle);
            if (result.Ok)
            {
                directory = handle;
                return true;
            }
            if (result.Missing)
                continue;
            if (!result.NotDirectory)
                throw result.ToException("open the lower directory", ArchiveText.Safe(name));
            target = ReadTarget(lower, name);
            if (target is not null)
                return false;
            if (Interop.Files.Status(lower, name, out Interop.FileStatus status).Ok && status.IsWhiteout)
                return true;
            throw TarError.Invalid("a directory of its path is something else in a lower layer", name);
        }
        return true;
    }

    private MergedDirectory Top()
    {
        List<SafeFileHandle> beneath = [];
        var top = new MergedDirectory(Duplicate(root), beneath, hidesLowers: false);
        try
        {
            foreach (SafeFileHandle lower in lowers)
                beneath.Add(Duplicate(lower));
            return top;
        }
        catch
        {
            top.Dispose();
            throw;
        }
    }

    private MergedDirectory Merge(MergedDirectory parent, ReadOnlySpan<byte> name, SafeFileHandle handle)
    {
        bool isOpaque = isOverlay && overlay.IsOpaque(handle);
        List<SafeFileHandle> beneath = [];
        var merged = new MergedDirectory(handle, beneath, parent.HidesLowers || isOpaque);
        try
        {
            if (!isOpaque)
                FindLowers(parent, name, beneath);
            return merged;
        }
        catch
        {
            merged.Dispose();
            throw;
        }
    }

    private void FindLowers(MergedDirectory parent, ReadOnlySpan<byte> name, List<SafeFileHandle> found)
    {
        foreach (SafeFileHandle lower in parent.Lowers)
        {
            Interop.FileResult result = Interop.Files.OpenPathDirectory(lower, name, out SafeFileHandle handle);
            if (result.Missing)
                continue;
            if (result.NotDirectory)
                break; // a file or a whiteout hides what lies further down
            if (!result.Ok)
                throw result.ToException("open the lower directory", ArchiveText.Safe(name));
            found.Add(handle);
            if (overlay.IsElsewhere(handle))
            {
                throw TarError.Unsupported(
                    "a lower layer renamed one of its directories (redirect_dir), which only a mounted overlay resolves: apply it with a bind mount of the mounted tree", name);
            }
            if (overlay.IsOpaque(handle))
                break;
        }
    }

    private void Make(MergedDirectory directory, ReadOnlySpan<byte> name, SafeFileHandle? lower, bool replacesWhiteout)
    {
        string subject = ArchiveText.Safe(name);
        SafeFileHandle parent = directory.Handle;
        Interop.FileResult seen = Interop.Files.Status(parent, out Interop.FileStatus before);
        if (!seen.Ok)
            throw seen.ToException("look at the directory of", subject);
        if (replacesWhiteout)
            Interop.Files.Unlink(parent, name);
        Interop.FileResult made = Interop.Files.MakeDirectory(parent, name);
        if (made.Exists)
            return; // somebody was faster: the next look finds it
        if (!made.Ok)
            throw made.ToException("make the directory", subject);
        if (++Made > limits.MaxEntries)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxEntries), limits.MaxEntries, $"its paths imply more than {limits.MaxEntries} directories");
        // The parent is no entry's business here, and keeps its times.
        Interop.FileResult kept = Interop.Files.SetTimes(parent, "."u8, before.AccessTime, before.ModifyTime);
        if (!kept.Ok)
            throw kept.ToException("set the times of the directory of", subject);
        Interop.FileResult opened = Interop.Files.OpenDirectory(parent, name, out SafeFileHandle handle);
        using (handle)
        {
            if (opened.Missing || opened.NotDirectory)
                return;
            if (!opened.Ok)
                throw opened.ToException("open the directory", subject);
            AccessControl.RemoveInherited(handle, subject);
            if (replacesWhiteout && overlay.MakeOpaque(handle) is { Ok: false } result)
                throw result.ToException("mark as opaque", subject);
            if (lower is not null)
                CopyUp.CopyAttributes(lower, handle, subject);
            else if (Interop.Files.SetPermissions(handle, 0x1ED /* 0755 */) is { Ok: false } failed)
                throw failed.ToException("set the mode of", subject);
            // A parent that the tree is given later may have it (S-4), unless that is hidden; the root tells that there are such directories at all.
            if (lower is null && lowers.Count > 0 && !replacesWhiteout && !directory.HidesLowers)
                Mark(handle, subject);
        }
    }

    private void Mark(SafeFileHandle directory, string subject)
    {
        foreach (SafeFileHandle marked in (SafeFileHandle[])[directory, root])
        {
            if (marked == root && overlay.HasReplaced(root))
                continue;
            Interop.FileResult result = overlay.MarkImplied(marked);
            // Without the attribute the tree can only stay at the bottom, or be made on its parent at once.
            if (!result.Ok && !result.Unsupported && !result.NotPermitted)
                throw result.ToException("mark", subject);
        }
    }

    private static byte[]? ReadTarget(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        byte[] buffer = new byte[4097];
        Interop.FileResult result = Interop.Files.ReadLink(directory, name, buffer, out int length);
        if (result.Ok)
            return buffer[..length];
        return result.InvalidRequest || result.Missing ? null : throw result.ToException("read the link", ArchiveText.Safe(name));
    }

    private static ReadOnlySpan<byte> Next(byte[] path, ref int at)
    {
        ReadOnlySpan<byte> rest = path.AsSpan(at);
        int slash = rest.IndexOf((byte)'/');
        at += slash < 0 ? rest.Length : slash + 1;
        return slash < 0 ? rest : rest[..slash];
    }

    private static SafeFileHandle Duplicate(SafeFileHandle directory)
    {
        Interop.FileResult result = Interop.Files.OpenPathDirectory(directory, "."u8, out SafeFileHandle handle);
        return result.Ok ? handle : throw result.ToException("open", "the root of the tree");
    }
}
