using System.Buffers;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What <see cref="CopyUp.CopyAttributes"/> overwrites of a directory.</summary>
internal sealed class DirectoryAttributes
{
    private readonly FileStatus _status;
    private readonly List<(byte[] Name, byte[] Value)> _xattrs;

    private DirectoryAttributes(in FileStatus status, List<(byte[] Name, byte[] Value)> xattrs)
    {
        _status = status;
        _xattrs = xattrs;
    }

    public static DirectoryAttributes Of(SafeFileHandle directory, string subject)
    {
        Check(Files.Status(directory, out FileStatus status), "look at", subject);
        var xattrs = new List<(byte[], byte[])>();
        byte[] value = ArrayPool<byte>.Shared.Rent(CopyUp.MaxXattrLength);
        try
        {
            foreach (byte[] name in NamesOf(directory, subject))
            {
                Check(Xattr.Get(directory, name, value, out int length), "read an attribute of", subject);
                xattrs.Add((name, value[..length]));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(value);
        }
        return new DirectoryAttributes(status, xattrs);
    }

    /// <summary>Gives them back to the directory, in the order in which they do not undo each other.</summary>
    public void Restore(SafeFileHandle directory, string subject)
    {
        Check(Files.SetOwner(directory, _status.Uid, _status.Gid), "set the owner of", subject);
        foreach (byte[] name in NamesOf(directory, subject))
        {
            if (!_xattrs.Exists(one => one.Name.AsSpan().SequenceEqual(name)))
                Check(Xattr.Remove(directory, name), "remove an attribute of", subject);
        }
        foreach ((byte[] name, byte[] value) in _xattrs)
            Check(Xattr.Set(directory, name, value), "set an attribute of", subject);
        Check(Files.SetPermissions(directory, _status.Permissions), "set the mode of", subject);
        Check(Files.SetTimes(directory, _status.AccessTime, _status.ModifyTime), "set the times of", subject);
    }

    private static List<byte[]> NamesOf(SafeFileHandle directory, string subject)
    {
        var names = new List<byte[]>();
        byte[] list = ArrayPool<byte>.Shared.Rent(CopyUp.MaxXattrLength);
        try
        {
            FileResult listed = Xattr.List(directory, list, out int length);
            if (listed.Unsupported)
                return names;
            Check(listed, "list the attributes of", subject);
            for (ReadOnlySpan<byte> rest = list.AsSpan(0, length); !rest.IsEmpty;)
            {
                ReadOnlySpan<byte> name = Xattr.TakeName(ref rest);
                if (CopyUp.Copies(name))
                    names.Add(name.ToArray());
            }
            return names;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(list);
        }
    }

    private static void Check(FileResult result, string operation, string subject)
    {
        if (!result.Ok)
            throw result.ToException(operation, subject);
    }
}
