package littlefs
import ("testing";"airlift/flash";"github.com/spf13/afero";"fmt";"bytes")
func TestFirst(t *testing.T){
 d,_:=flash.New(flash.NOR(1<<20)); r,_:=d.Region("fs",0,40960)
 c:=LuatOS(r.Size())
 if err:=Format(r,c);err!=nil{t.Fatal(err)}
 fs,err:=Mount(r,c); if err!=nil{t.Fatal(err)}
 for i:=0;i<20;i++{ if err:=afero.WriteFile(fs,fmt.Sprintf("f%d",i),bytes.Repeat([]byte{byte(i)},i*20),0);err!=nil{t.Fatal(i,err)}}
 if err:=afero.WriteFile(fs,"big",bytes.Repeat([]byte("abc"),3000),0);err!=nil{t.Fatal(err)}
 if err:=fs.MkdirAll("a/b/c",0);err!=nil{ t.Log(err)}
 if err:=fs.Rename("f3","a/x");err!=nil{t.Fatal(err)}
 fs,err=Mount(r,c); if err!=nil{t.Fatal(err)}
 for i:=0;i<20;i++{ if i==3 {continue}; b,err:=afero.ReadFile(fs,fmt.Sprintf("f%d",i)); if err!=nil||!bytes.Equal(b,bytes.Repeat([]byte{byte(i)},i*20)){t.Fatal(i,err,len(b))}}
 b,err:=afero.ReadFile(fs,"big"); if err!=nil||!bytes.Equal(b,bytes.Repeat([]byte("abc"),3000)) {t.Fatal(err)}
 l,err:=fs.list("/"); t.Log(l,err)
 u,err:=fs.Usage(); t.Log(u,err)
}
