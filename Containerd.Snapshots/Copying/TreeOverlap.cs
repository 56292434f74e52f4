using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Finds out whether one directory lies in another, by what they are and not by their paths.</summary>
internal static class TreeOverlap
{
    /// <summary>Whether a directory is another, or lies beneath it, now.</summary>
    public static bool IsWithin(SafeFileHandle directory, FileIdentity other, CancellationToken cancellationToken)
    {
        SafeFileHandle current = directory;
        try
        {
            FileIdentity? below = null;
            while (Files.Details(current, out FileDetails details).Ok)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (details.Identity == other)
                    return true;
                if (details.Identity == below)
                    return false; // the root is its own parent
                below = details.Identity;
                if (!Files.OpenPathDirectory(current, ".."u8, out SafeFileHandle parent).Ok)
                    return false; // out of sight: what cannot be reached cannot be copied either
                if (current != directory)
                    current.Dispose();
                current = parent;
            }
            return false;
        }
        finally
        {
            if (current != directory)
                current.Dispose();
        }
    }
}
