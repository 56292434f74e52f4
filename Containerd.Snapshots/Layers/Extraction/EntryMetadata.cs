using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Sets owner, attributes, mode and times of what an entry made, in the order in which they do not undo each other .</summary>
/// <remarks>
/// Changing the owner clears set-id bits and capabilities, so it comes first; everything goes through the handle of the file itself, so that a link
/// swapped into its place is never followed (CVE-2021-32760).
/// </remarks>
internal sealed class EntryMetadata(bool securityLabels, ILogger logger)
{
    private const int MaxXattrListBytes = 64 << 10; // linux/limits.h XATTR_LIST_MAX

    private bool _refusedReported, _unsupportedReported;

    /// <summary>For a new regular file or a directory, opened. A directory's times are set when all else is done.</summary>
    public void Apply(SafeFileHandle file, TarEntry entry, bool isDirectory)
    {
        Check(Interop.Files.SetOwner(file, entry.Uid, entry.Gid), "set the owner of", entry);
        if (entry.HasXattrs)
            SetXattrs(file, entry, mayRefuseUser: false);
        Check(Interop.Files.SetPermissions(file, entry.Mode), "set the mode of", entry);
        if (!isDirectory)
            Check(Interop.Files.SetTimes(file, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>For a new symbolic link, which has neither a mode nor, normally, attributes.</summary>
    public void ApplyToLink(SafeFileHandle directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        Check(Interop.Files.SetOwner(directory, name, entry.Uid, entry.Gid), "set the owner of", entry);
        if (entry.HasXattrs)
        {
            Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle link), "open", entry);
            using (link)
                SetXattrs(link, entry, mayRefuseUser: true);
        }
        Check(Interop.Files.SetTimes(directory, name, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>For a new device or fifo.</summary>
    public void ApplyToNode(SafeFileHandle directory, ReadOnlySpan<byte> name, int type, TarEntry entry)
    {
        Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle node), "open", entry);
        using (node)
        {
            Check(Interop.Files.Status(node, out Interop.FileStatus status), "look at", entry);
            if (status.Type != type)
                throw Swapped(entry);
            Check(Interop.Files.SetOwner(node, entry.Uid, entry.Gid), "set the owner of", entry);
            if (entry.HasXattrs)
                SetXattrs(node, entry, mayRefuseUser: true);
            Check(Interop.Files.SetPermissionsOfPath(node, entry.Mode), "set the mode of", entry);
        }
        Check(Interop.Files.SetTimes(directory, name, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>
    /// For a new hard link: the header describes the file too. What is right already is left alone, since setting an owner, be it the same, would drop
    /// the file's capabilities.
    /// </summary>
    public void ApplyToHardLink(SafeFileHandle directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle file), "open", entry);
        using (file)
        {
            Check(Interop.Files.Status(file, out Interop.FileStatus status), "look at", entry);
            if (status.IsDirectory)
                throw Swapped(entry);
            bool ownerDiffers = status.Uid != entry.Uid || status.Gid != entry.Gid;
            if (ownerDiffers)
                Check(Interop.Files.SetOwner(file, entry.Uid, entry.Gid), "set the owner of", entry);
            if (entry.HasXattrs)
                SetXattrs(file, entry, mayRefuseUser: !status.IsRegular);
            if (!status.IsSymbolicLink && (ownerDiffers || status.Permissions != entry.Mode))
                Check(Interop.Files.SetPermissionsOfPath(file, entry.Mode), "set the mode of", entry);
        }
        Check(Interop.Files.SetTimes(directory, name, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>Takes from a directory that was there already the attributes that its entry does not have: the entry's replace them (image-spec layer.md).</summary>
    public void RemoveStaleXattrs(SafeFileHandle directory, TarEntry entry)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(MaxXattrListBytes);
        try
        {
            Interop.FileResult listed = Interop.Xattr.List(directory, names, out int length);
            if (listed.Unsupported)
                return;
            Check(listed, "list the attributes of", entry);
            for (ReadOnlySpan<byte> rest = names.AsSpan(0, length); !rest.IsEmpty;)
            {
                ReadOnlySpan<byte> name = rest[..rest.IndexOf((byte)0)];
                rest = rest[(name.Length + 1)..];
                if (!XattrPolicy.Allows(name, securityLabels) || Has(entry.Xattrs, name) || Has(entry.GlobalXattrs, name))
                    continue;
                Interop.FileResult removed = Interop.Xattr.Remove(directory, name);
                if (!removed.NoData)
                    Check(removed, "remove an attribute of", entry);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
        }
    }

    /// <summary>The modification time; one that no file can have is the epoch, as in containerd.</summary>
    public static Interop.FileTime ModifyTime(TarEntry entry) => Bounded(entry.ModifyTime);

    /// <summary>The access time, never before the modification.</summary>
    public static Interop.FileTime AccessTime(TarEntry entry)
    {
        Interop.FileTime access = Bounded(entry.AccessTime), modify = Bounded(entry.ModifyTime);
        return access.CompareTo(modify) > 0 ? access : modify;
    }

    // The last time that fits into 64 bits of nanoseconds, in the year 2262: containerd's bound.
    private static Interop.FileTime Bounded(Interop.FileTime time) => time.Seconds is < 0 or > long.MaxValue / 1_000_000_000 ? default : time;

    private void SetXattrs(SafeFileHandle file, TarEntry entry, bool mayRefuseUser)
    {
        SetXattrs(file, entry, entry.GlobalXattrs, mayRefuseUser);
        SetXattrs(file, entry, entry.Xattrs, mayRefuseUser);
    }

    private void SetXattrs(SafeFileHandle file, TarEntry entry, PaxRecords records, bool mayRefuseUser)
    {
        for (int i = 0; i < records.XattrCount; i++)
        {
            records.Xattr(i, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);
            if (!XattrPolicy.Allows(name, securityLabels))
            {
                if (!_refusedReported)
                    LayerApplierLog.AttributeRefused(logger, ArchiveText.Safe(name), ArchiveText.Safe(entry.Name));
                _refusedReported = true;
                continue;
            }
            Interop.FileResult result = Interop.Xattr.Set(file, name, value);
            if (result.Unsupported)
            {
                if (!_unsupportedReported)
                    LayerApplierLog.AttributeUnsupported(logger, ArchiveText.Safe(name), ArchiveText.Safe(entry.Name));
                _unsupportedReported = true;
            }
            else if (!(result.NotPermitted && mayRefuseUser && name.StartsWith("user."u8))) // only files and directories have user.*
                Check(result, $"set the extended attribute {ArchiveText.Safe(name)} of", entry);
        }
    }

    private static bool Has(PaxRecords records, ReadOnlySpan<byte> wanted)
    {
        for (int i = 0; i < records.XattrCount; i++)
        {
            records.Xattr(i, out ReadOnlySpan<byte> name, out _);
            if (name.SequenceEqual(wanted))
                return true;
        }
        return false;
    }

    private static ContainerdException Swapped(TarEntry entry)
    {
        string safe = ArchiveText.Safe(entry.Name);
        return new ContainerdException(ErrorKind.Unavailable, $"Cannot apply the layer's entry '{safe}': another process replaced it meanwhile.") { Subject = safe };
    }

    private static void Check(Interop.FileResult result, string operation, TarEntry entry)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(entry.Name));
    }
}
