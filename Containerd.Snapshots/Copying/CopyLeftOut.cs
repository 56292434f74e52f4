namespace Containerd.Snapshots;

/// <summary>Remembers whether it was reported already that an attribute was left out.</summary>
internal sealed class CopyLeftOut
{
    private int _reported;

    public bool IsFirst() => Interlocked.Exchange(ref _reported, 1) == 0;
}
